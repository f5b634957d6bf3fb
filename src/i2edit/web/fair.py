"""Who is next: one heavy job at a time in one thread, round-robin by owner, and everybody sees their place in line.

In: jobs, plain callables that are told how to report progress. Out: tickets, which tell how it goes and what came out.

    line = FairQueue()
    ticket = line.submit("session-1", lambda progress: chat.say("smile"))
    for state in ticket.follow(): …                  # {"state": "waiting", "position": 2}, {"state": "working", …}
    reply = ticket.result()

A *long* job (opening a photo, about fifteen seconds) makes way at each of its reports: the short jobs that wait, one of each
owner, then run inside its progress call, so a conversation hardly waits for somebody else's photo. That is why a long job may
begin before the short ones that wait: else it never would where there is always one. Long jobs follow one another.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from i2edit.errors import Busy, TooMany

Progress = Callable[[float, str], None]
Job = Callable[[Progress], Any]
MOST = 64  # jobs that wait, of all owners,
MOST_EACH = 4  # and of one


class Cancelled(Exception):
    """Nobody waits for the job any more."""


class Ticket:
    """A job in the line."""

    def __init__(self, line: FairQueue, owner: str, job: Job, long: bool) -> None:
        self.line, self.owner, self.job, self.long = line, owner, job, long
        self.started = self.done = self.cancelled = False
        self.share, self.text = 0.0, ""
        self._value: Any = None
        self._error: BaseException | None = None

    def result(self, seconds: float | None = None) -> Any:
        """What the job returned; raises what it raised. Waits for it, at most ``seconds`` (then TimeoutError)."""
        with self.line.changed:
            if not self.line.changed.wait_for(lambda: self.done, seconds):
                raise TimeoutError("the job is not done yet")
        if self._error is not None:
            raise self._error
        return self._value

    def state(self) -> dict[str, Any]:
        """``{"state": "waiting", "position": 1}`` (1: next of its kind, short or long, but for the one at work), or ``{"state": "working", "share": 0..1, "text"}``."""
        with self.line.changed:
            if self.started or self.done:
                return {"state": "working", "share": round(self.share, 3), "text": self.text}
            return {"state": "waiting", "position": self.line.position(self)}

    def follow(self, pause: float = 0.2) -> Iterator[dict[str, Any]]:
        """Every change of ``state`` until the job is done, and at least one each 10 s, so that a broken line shows."""
        shown, told = None, 0.0
        while True:
            with self.line.changed:
                done = self.done
            state = self.state()
            if state != shown or time.monotonic() - told > 10:
                shown, told = state, time.monotonic()
                yield state
            if done:
                return
            with self.line.changed:
                self.line.changed.wait_for(lambda: self.done, pause)

    def cancel(self) -> None:
        """Nobody waits any more: a job in line is left out, a long one stops at its next report, a short one is finished."""
        with self.line.changed:
            self.cancelled = True
            self.line.drop(self)


class FairQueue:
    """The line and the one thread that works it off."""

    def __init__(self, most: int = MOST, most_each: int = MOST_EACH) -> None:
        self.most, self.most_each = most, most_each
        self.changed = threading.Condition()
        self._short: dict[str, deque[Ticket]] = {}  # owner → jobs; the owner whose turn it is comes first
        self._long: dict[str, deque[Ticket]] = {}
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="i2edit-jobs", daemon=True)
        self._thread.start()

    def submit(self, owner: str, job: Job, *, long: bool = False) -> Ticket:
        """Puts a job in line. Raises TooMany when the owner has too many there, Busy when all together have."""
        ticket = Ticket(self, owner, job, long)
        with self.changed:
            lines = (self._short, self._long)
            if sum(len(line.get(owner, ())) for line in lines) >= self.most_each:
                raise TooMany(
                    "Several requests of this conversation are waiting already. Wait for their answers first."
                )
            if sum(len(jobs) for line in lines for jobs in line.values()) >= self.most:
                raise Busy("Very many people are using this at the moment. Try again in a minute.")
            (self._long if long else self._short).setdefault(owner, deque()).append(ticket)
            self.changed.notify_all()
        return ticket

    def position(self, ticket: Ticket) -> int:
        """1 = the next one of its kind; owners take turns."""
        ahead = 0
        line = self._long if ticket.long else self._short
        mine = next((n for n, one in enumerate(line.get(ticket.owner, ())) if one is ticket), 0)
        before = True
        for owner, jobs in line.items():
            if owner == ticket.owner:
                before = False
                continue
            ahead += min(len(jobs), mine + 1 if before else mine)
        return ahead + mine + 1

    @property
    def waiting(self) -> int:
        """Jobs in line, the one at work not counted."""
        with self.changed:
            return sum(len(jobs) for line in (self._short, self._long) for jobs in line.values())

    def drop(self, ticket: Ticket) -> None:
        """Takes a job out of the line; one at work is not touched."""
        line = self._long if ticket.long else self._short
        jobs = line.get(ticket.owner)
        if jobs is not None and ticket in jobs:
            jobs.remove(ticket)
            if not jobs:
                del line[ticket.owner]
            self._finish(ticket, error=Cancelled())

    def close(self) -> None:
        """No new job is begun; the one at work is finished."""
        with self.changed:
            self._closed = True
            self.changed.notify_all()
        self._thread.join(timeout=30)

    def _work(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self._closed or self._short or self._long)
                if self._closed:
                    return
                ticket = self._next(self._long) or self._next(self._short)
            if ticket is not None:
                self._run(ticket)

    def _next(self, line: dict[str, deque[Ticket]]) -> Ticket | None:
        """The first job of the owner whose turn it is, who then goes to the end."""
        if not line:
            return None
        owner = next(iter(line))
        jobs = line.pop(owner)
        ticket = jobs.popleft()
        if jobs:
            line[owner] = jobs
        ticket.started = True
        self.changed.notify_all()
        return ticket

    def _run(self, ticket: Ticket) -> None:
        def progress(share: float, text: str) -> None:
            with self.changed:
                ticket.share, ticket.text = min(1.0, max(0.0, share)), text
                self.changed.notify_all()
                waiting = len(self._short) if ticket.long else 0
            for _ in range(waiting):
                with self.changed:
                    between = None if ticket.cancelled or self._closed else self._next(self._short)
                if between is not None:
                    self._run(between)
            if ticket.long and (ticket.cancelled or self._closed):
                raise Cancelled

        try:
            value, error = ticket.job(progress), None
        except BaseException as problem:
            value, error = None, problem
        with self.changed:
            self._finish(ticket, value, error)

    def _finish(self, ticket: Ticket, value: Any = None, error: BaseException | None = None) -> None:
        ticket.done, ticket._value, ticket._error = True, value, error
        ticket.job = _nothing  # and what it holds on to
        self.changed.notify_all()


def _nothing(progress: Progress) -> None:
    return None
