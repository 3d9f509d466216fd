"""The contracts of recognition: proto in, operation, proto out."""

from recognition.servicer.allowances import AllowanceServicer
from recognition.servicer.organisations import OrganisationServicer
from recognition.servicer.recognitions import RecognitionServicer

__all__ = ["AllowanceServicer", "OrganisationServicer", "RecognitionServicer"]
