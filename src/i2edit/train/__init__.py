"""One readable training script per model that the package ships."""
