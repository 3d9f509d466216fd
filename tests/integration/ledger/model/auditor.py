"""Predicts every reply of the ledger, in memory, one program at a time.

What only the ledger can say (names, record times) is learnt from its answers, and checked for what must hold of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.integration.ledger.model.predict.closing import Books
from tests.integration.ledger.model.predict.limits import Limits
from tests.integration.ledger.model.predict.states import States
from tests.integration.ledger.model.predict.together import Together
from tests.integration.ledger.model.predict.updating import Updates


@dataclass
class Auditor(Together, Updates, States, Books, Limits):
    """One program, and what is to be answered to whatever is asked of it."""
