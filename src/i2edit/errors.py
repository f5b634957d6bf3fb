"""Every error a person can cause: the message is a full sentence, the command line prints it and exits with code 2."""

from __future__ import annotations


class I2EditError(Exception):
    """Base of all errors meant for the person; ``str(error)`` is a sentence that says what to do."""


class PhotoError(I2EditError):
    """The photo cannot be used: missing, empty, truncated, not an image, too large, unreadable."""


class NoFaceFound(PhotoError):
    """No face was found in the photo, or not the one that was asked for."""


class FaceTooSmall(PhotoError):
    """The face has too few pixels to be edited."""


class WeightsError(I2EditError):
    """Model weights are missing, damaged or cannot be fetched."""


class MessageError(I2EditError):
    """A message that cannot be taken, such as an empty one."""


class OutputError(I2EditError):
    """Results cannot be written."""


class DataError(I2EditError):
    """A data file or text form that breaks the data contract."""


class StoreError(I2EditError):
    """Stored sessions: base of what can go wrong with them. Nothing that was stored is lost by any of these."""


class StoreUnavailable(StoreError):
    """The store is locked by others for too long, gone, damaged or not reachable now (HTTP 503)."""


class StoreFull(StoreError):
    """The disk of the store is full (HTTP 507)."""


class NoSuchSession(StoreError):
    """There is no session of that name, or it was deleted meanwhile (HTTP 404)."""


class SessionChanged(StoreError):
    """Somebody else stored a turn in the session meanwhile (HTTP 409)."""


class TooLarge(PhotoError):
    """The upload has more bytes or pixels than this server takes (HTTP 413)."""


class TooMany(I2EditError):
    """More requests than this server takes from one conversation or place in a minute (HTTP 429)."""


class Busy(I2EditError):
    """Too many people wait, or the networks are not loaded yet (HTTP 503)."""
