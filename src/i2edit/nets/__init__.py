"""The networks as published, in plain torch: they know nothing of chats, beliefs or photos."""
