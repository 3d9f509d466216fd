"""Proto in, operation, proto out."""

from recognition.servicer.service import RecognitionServicer

__all__ = ["RecognitionServicer"]
