"""A row of the bad-input tables: what is sent, what must come back. `test_bad_tables.py` runs and counts them."""
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Case:
    """`send` is what the table's runner takes; `words` must all stand in the answer, whatever their case."""

    name: str
    send: Any
    status: Any
    words: tuple = ()
    headers: dict = field(default_factory=dict)

    @property
    def statuses(self):
        return self.status if isinstance(self.status, tuple) else (self.status,)

    def problems(self, status, text):
        """What is wrong with an answer; so is one that echoes its input at length."""
        found = []
        if status not in self.statuses:
            found.append(f"status {status}, expected {self.status}")
        for word in self.words:
            if word.lower() not in text.lower():
                found.append(f"the answer does not say \"{word}\"")
        if status >= 400 and len(text.strip()) < 8:
            found.append("the answer says nothing")
        if status >= 400 and len(text) > 1_500:
            found.append(f"an answer of {len(text)} characters")
        control = [c for c in text if ord(c) < 0x20 and c not in "\n\t"]
        if control:
            found.append(f"control characters in the answer: {control[:3]!r}")
        return [f"{self.name}: {problem}: {text[:300]!r}" for problem in found]
