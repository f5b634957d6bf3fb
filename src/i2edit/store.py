"""Where sessions are kept: rows in a database, pictures and inversions as files beside it. No networks, no torch.

In: what `sessions.py` hands over, a turn at a time. Out: the same after a restart, a kill -9, or in another process.

    DIR/sessions/           0700, everything in it 0600
      store.sqlite          heads, turns, which blob belongs to whom; another database by URL
      blobs/ab/abcd…        content by its sha256: uploads, crops, inversions, rendered pictures; shared, counted
      tmp/ID/               what a surface puts down for a session, such as the upload cache of a page

    store = Store()                                  # weights.data_home(): I2EDIT_DATA, I2EDIT_HOME/data or the platform's
    store = Store("/srv/i2edit")                     # that folder
    store = Store("postgresql://me@db/i2edit")       # rows there; blobs in the folder as above
    store.summaries(); record = store.load(id); store.append(id, record.version, after, {"text": …}, key="click-7")

A session's *version* is the number of its turns. `append` takes the version that the writer knew and refuses when it is
not the stored one, so two writers can neither lose nor double a turn; a repeated client key is answered with the turn
that it led to. `append` is one transaction and returns when it is on disk.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import (
    Column,
    Connection,
    Double,
    Engine,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    delete,
    event,
    func,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from i2edit.dialogue.history import Conversation
from i2edit.errors import MessageError, NoSuchSession, SessionChanged, StoreFull, StoreUnavailable
from i2edit.ontology import EditState
from i2edit.records import Act, Outcome, Turn
from i2edit.weights import data_home

if TYPE_CHECKING:
    from filelock import BaseFileLock

SCHEMA = 1
WAIT = 5.0  # seconds that another writer may hold the database before we say that it is busy
TRACES = "traces"  # row of META: deleted text may still be in the database's files
KEY_LIMIT = 200  # characters of a client key

_tables = MetaData()
META = Table(
    "i2edit_meta", _tables, Column("name", String(40), primary_key=True), Column("value", Text, nullable=False)
)
SESSIONS = Table(
    "i2edit_sessions",
    _tables,
    Column("id", String(64), primary_key=True),
    Column("version", Integer, nullable=False),  # number of turns
    Column("name", Text, nullable=False),
    Column("created", Double, nullable=False),  # seconds since 1970, as `updated`
    Column("updated", Double, nullable=False),
    Column("head", Text, nullable=False),  # JSON: state, undo, redo, declined
    Column("opening", Text, nullable=False),  # JSON: notes and figures of the opening
)
TURNS = Table(
    "i2edit_turns",
    _tables,
    Column("session_id", String(64), ForeignKey("i2edit_sessions.id"), primary_key=True),
    Column("number", Integer, primary_key=True),  # from 1
    Column("key", String(KEY_LIMIT)),
    Column("created", Double, nullable=False),
    Column("turn", Text, nullable=False),  # JSON: records.Turn
    Column("shown", Text, nullable=False),  # JSON: the reply beside it
    UniqueConstraint("session_id", "key"),
)
BLOBS = Table(
    "i2edit_blobs",
    _tables,
    Column("session_id", String(64), ForeignKey("i2edit_sessions.id"), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Index("i2edit_blobs_sha256", "sha256"),
)
# Files that may lie in blobs/ without a session: about to be written, or about to be unlinked. Looked after at opening.
LOOSE = Table("i2edit_loose", _tables, Column("sha256", String(64), primary_key=True))


@dataclass(frozen=True)
class Summary:
    """One line of `sessions list`. ``version``: number of turns. ``created``, ``updated``: seconds since 1970."""

    id: str
    name: str
    version: int
    created: float
    updated: float
    state: EditState
    size: int  # bytes of its blobs


@dataclass(frozen=True)
class Kept:
    """A stored turn: what FORMAT says (``turn``), the edit state after it, and what was shown beside the picture.

    ``shown`` is JSON as the writer gave it; `sessions.py` writes "text", "outcome", "identity_distance", "change",
    "seconds", "act". ``key``: the client's key of the request, or None.
    """

    number: int
    turn: Turn
    shown: dict[str, Any]
    created: float
    key: str | None = None

    @property
    def state(self) -> EditState:
        """The edit state after the turn: what its picture is a function of."""
        return EditState(self.turn.belief, tuple((self.turn.strength or {}).items()))

    @property
    def text(self) -> str:
        """The reply as it was shown."""
        return str(self.shown.get("text", ""))

    @property
    def outcome(self) -> Outcome:
        return Outcome.from_json(self.shown.get("outcome", {}))

    @property
    def act(self) -> Act:
        return Act.from_json(self.shown.get("act", {"type": "next"}))


@dataclass(frozen=True)
class Record:
    """A stored session without its pictures."""

    id: str
    name: str
    version: int
    created: float
    updated: float
    conversation: Conversation
    turns: tuple[Kept, ...]
    opening: dict[str, Any]
    blobs: dict[str, str]  # name → sha256


class Store:
    """A store of sessions; safe to share between threads, and between processes on one folder.

    ``place``: a folder (SQLite inside), or the URL of another database that SQLAlchemy knows (blobs then in ``folder``).
    ``wait``: seconds that another writer may hold it. Raises StoreUnavailable, StoreFull.
    """

    def __init__(
        self, place: str | Path | None = None, *, folder: str | Path | None = None, wait: float = WAIT
    ) -> None:
        by_url = isinstance(place, str) and "://" in place
        chosen = folder if by_url or place is None else place
        self.root = (Path(chosen).expanduser() if chosen is not None else data_home()).absolute() / "sessions"
        self.wait = wait
        self._file = None if by_url else self.root / "store.sqlite"
        blobs = "blobs"
        if by_url:
            url = _url(str(place))
            self.where = url.render_as_string(hide_password=True)
            blobs = f"blobs-{hashlib.sha256(self.where.encode()).hexdigest()[:8]}"  # one folder never serves two
        else:
            self.where = str(self._file)
        self._blobs, self._tmp = self.root / blobs, self.root / "tmp"
        with self.disk():
            for place_ in (self.root, self._blobs, self._tmp):
                place_.mkdir(parents=True, exist_ok=True, mode=0o700)
                place_.chmod(0o700)
            if self._file is not None and not self._file.exists():
                os.close(os.open(self._file, os.O_CREAT | os.O_RDWR, 0o600))
        self._engine = self._sqlite(self._file) if self._file is not None else _engine(url)
        self._prepare()
        self._tidy()

    # ---------------------------------------------------------------------------------------- sessions and turns

    def create(self, name: str, opening: Mapping[str, Any], blobs: Mapping[str, bytes]) -> str:
        """A new session without turns → its id, which cannot be guessed. ``blobs``: name → content."""
        # An id is also an argument of commands, where "-…" is an option.
        id = secrets.token_urlsafe(24).replace("-", "_")
        now = time.time()
        row = {
            "id": id, "version": 0, "name": _clean(name), "created": now, "updated": now,
            "head": _head(Conversation()), "opening": _json(dict(opening)),
        }  # fmt: skip
        with self._keeping(blobs.values()) as sums, self._begin() as db:
            db.execute(insert(SESSIONS), row)
            self._refer(db, id, dict(zip(blobs, sums, strict=True)), {k: len(v) for k, v in blobs.items()})
        return id

    def append(
        self, id: str, version: int, after: Conversation, shown: Mapping[str, Any], *, key: str | None = None
    ) -> Kept:
        """Stores the last turn of ``after``, and ``after`` as the head, in one transaction; on disk when it returns.

        ``version``: the number of turns that ``after`` was built on. A ``key`` that is stored already returns its turn
        and stores nothing. Raises SessionChanged when the version is another by now, NoSuchSession,
        StoreUnavailable, StoreFull; then nothing is stored.
        """
        if len(after.turns) != version + 1:
            raise ValueError(f"a conversation of {len(after.turns)} turns cannot follow version {version}")
        kept = Kept(version + 1, after.turns[-1], dict(shown), time.time(), _checked_key(key))
        try:
            with self._begin() as db:
                if key is not None and (found := self._by_key(db, id, key)):
                    return found
                head = {"version": version + 1, "head": _head(after), "updated": kept.created}
                step = update(SESSIONS).where(SESSIONS.c.id == id, SESSIONS.c.version == version).values(head)
                if db.execute(step).rowcount != 1:
                    self._version(db, id)  # NoSuchSession, if that is why
                    raise SessionChanged("Somebody else added a turn to this conversation meanwhile.")
                row = {
                    "session_id": id, "number": kept.number, "key": key, "created": kept.created,
                    "turn": _json(kept.turn.to_json()), "shown": _json(kept.shown),
                }  # fmt: skip
                db.execute(insert(TURNS), row)
        except IntegrityError as error:
            raise SessionChanged("Somebody else added a turn to this conversation meanwhile.") from error
        return kept

    def load(self, id: str) -> Record:
        """Everything but the pictures. Raises NoSuchSession."""
        with self._begin(write=False) as db:
            row = db.execute(select(SESSIONS).where(SESSIONS.c.id == id)).mappings().one_or_none()
            if row is None:
                raise _nothing(id)
            rows = db.execute(select(TURNS).where(TURNS.c.session_id == id).order_by(TURNS.c.number)).mappings().all()
            named = db.execute(select(BLOBS.c.name, BLOBS.c.sha256).where(BLOBS.c.session_id == id)).all()
        turns = tuple(_kept(turn) for turn in rows)
        head = json.loads(row["head"])
        conversation = Conversation(
            EditState.from_json(head["state"]),
            tuple(kept.turn for kept in turns),
            tuple(EditState.from_json(state) for state in head["undo"]),
            tuple(EditState.from_json(state) for state in head["redo"]),
            frozenset(head["declined"]),
        )
        return Record(
            row["id"], row["name"], row["version"], row["created"], row["updated"], conversation, turns,
            json.loads(row["opening"]), {name: sha256 for name, sha256 in named},
        )  # fmt: skip

    def version(self, id: str) -> int:
        """The number of stored turns. Raises NoSuchSession."""
        with self._begin(write=False) as db:
            return self._version(db, id)

    def summaries(self) -> list[Summary]:
        """All sessions, the latest used first."""
        size = select(func.coalesce(func.sum(BLOBS.c.size), 0)).where(BLOBS.c.session_id == SESSIONS.c.id)
        query = select(SESSIONS, size.scalar_subquery().label("size")).order_by(SESSIONS.c.updated.desc())
        with self._begin(write=False) as db:
            rows = db.execute(query).mappings().all()
        return [
            Summary(
                row["id"], row["name"], row["version"], row["created"], row["updated"],
                EditState.from_json(json.loads(row["head"])["state"]), int(row["size"]),
            )
            for row in rows
        ]  # fmt: skip

    def find(self, start: str) -> str:
        """The id that begins like that, for people who type. Raises NoSuchSession when none does, or several do."""
        with self._begin(write=False) as db:
            ids = [id for id in db.execute(select(SESSIONS.c.id)).scalars() if start and id.startswith(start)]
        if start in ids:
            return start
        if len(ids) != 1:
            raise _nothing(start) if not ids else NoSuchSession(f"{len(ids)} sessions begin with {start}. Type more.")
        return ids[0]

    # ------------------------------------------------------------------------------------------------ blobs

    def attach(self, id: str, name: str, content: bytes) -> None:
        """Keeps a file with a session, such as a rendered picture; another one of that name is replaced."""
        with self._keeping([content]) as sums:
            with self._begin() as db:
                self._version(db, id)
                old = self._drop(db, (BLOBS.c.session_id == id) & (BLOBS.c.name == name))
                self._refer(db, id, {name: sums[0]}, {name: len(content)})
            self._unlink(old)

    def read(self, id: str, name: str) -> bytes:
        """A blob of a session. Raises NoSuchSession; StoreUnavailable when the file is gone or damaged."""
        with self._begin(write=False) as db:
            where = (BLOBS.c.session_id == id) & (BLOBS.c.name == name)
            sha256 = db.execute(select(BLOBS.c.sha256).where(where)).scalar_one_or_none()
        if sha256 is None:
            raise NoSuchSession(f"The session {id} has no {name}.")
        path = self._path(sha256)
        with self.disk(f"A file of the session ({name}) cannot be read"):
            content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise StoreUnavailable(f"A file of the session ({name}) is damaged: {path}.")
        return content

    def tmp(self, id: str = "") -> Path:
        """A private folder for passing files of a session (or of nobody); gone when the session is deleted."""
        folder = self._tmp / hashlib.sha256(id.encode()).hexdigest()[:32] if id else self._tmp
        with self.disk():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    # ------------------------------------------------------------------------------------------------ forgetting

    def delete(self, *ids: str) -> None:
        """Deletes sessions for good: their rows, their traces in the database's files, and blobs that nobody else needs.

        SQLite's secure_delete forgets what a page lost when rows moved between pages, so its file is written anew: about
        a second for every 100 MB of text. Raises NoSuchSession; StoreUnavailable when the rows are deleted, but traces have
        to stay until later because another program keeps the store busy or the disk is full (it says so).
        """
        with self._lock():
            with self._begin(write=False) as db:
                for id in ids:  # all must be there before the first goes
                    self._version(db, id)
            self._forget(ids)

    def expire(self, seconds: float) -> list[str]:
        """Deletes every session that was not used for so long → their ids. Raises as ``delete``."""
        old = select(SESSIONS.c.id).where(SESSIONS.c.updated <= time.time() - seconds)
        with self._lock():
            with self._begin(write=False) as db:
                ids = list(db.execute(old).scalars())
            self._forget(ids)
        return ids

    def clear_cache(self, keep: Iterable[str] = ("photo", "crop", "face")) -> int:
        """Drops what can be made again: rendered pictures and all passing files → bytes freed."""
        before = _size(self.root)
        with self._lock():
            with self._begin() as db:
                gone = self._drop(db, BLOBS.c.name.not_in(tuple(keep)))
            self._unlink(gone)
            for path in self._tmp.iterdir():
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        return max(0, before - _size(self.root))

    def close(self) -> None:
        """Lets go of the database; the store can be used again."""
        self._engine.dispose()

    # ------------------------------------------------------------------------------------------------ inside

    def _sqlite(self, file: Path) -> Engine:
        uri = f"file:{quote(str(file))}?mode=rw"  # rw: a file that is gone is an error, not a new empty store

        def connect() -> sqlite3.Connection:
            connection = sqlite3.connect(
                uri, uri=True, timeout=self.wait, isolation_level=None, check_same_thread=False
            )
            for pragma in ("foreign_keys=ON", "secure_delete=ON", "synchronous=FULL", "temp_store=MEMORY"):
                connection.execute(f"PRAGMA {pragma}")
            return connection

        engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:  # a writer takes its place at once, so that it can wait for it
            if (statement := connection.get_execution_options().get("i2edit_begin")) is not None:
                connection.exec_driver_sql(statement)

        return engine

    def _prepare(self) -> None:
        """Tables, when there are none yet."""
        with self._begin(write=False) as db:
            if self._has_tables(db):
                return
        with self._lock():
            if self._file is not None:
                self._outside("PRAGMA journal_mode=WAL")  # kept in the file
            with self._begin() as db:
                if not self._has_tables(db):  # another process may have been quicker
                    _tables.create_all(db)
                    db.execute(insert(META), {"name": "schema", "value": str(SCHEMA)})

    def _has_tables(self, db: Connection) -> bool:
        if not inspect(db).has_table(META.name):
            return False
        schema = db.execute(select(META.c.value).where(META.c.name == "schema")).scalar_one_or_none()
        if schema != str(SCHEMA):
            raise StoreUnavailable(
                f"The sessions in {self.where} were written by another version of i2edit (form {schema}, this one reads "
                f"{SCHEMA}). Use that version, or another folder."
            )
        return True

    def _tidy(self) -> None:
        """Finishes what a killed process had begun: files of no session, parts of files."""
        with self._begin(write=False) as db:
            loose = list(db.execute(select(LOOSE.c.sha256)).scalars())
            traces = db.execute(select(META.c.value).where(META.c.name == TRACES)).first()
        if loose or traces or any(self._blobs.glob("*.part")):
            with suppress(StoreUnavailable), self._lock():  # others are at work with them: next time
                self._unlink(loose)
                for part in self._blobs.glob("*.part"):
                    part.unlink(missing_ok=True)
                if traces:
                    self._scrub()

    @contextmanager
    def _begin(self, write: bool = True) -> Iterator[Connection]:
        """One transaction; errors of the database as ours."""
        begin = "BEGIN IMMEDIATE" if write else "BEGIN"
        with self._typed(), self._engine.connect().execution_options(i2edit_begin=begin) as db, db.begin():
            yield db

    @contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            raise self._translated(error) from error

    def _translated(self, error: DBAPIError) -> Exception:
        name = str(getattr(error.orig, "sqlite_errorname", "") or "")
        state = str(getattr(error.orig, "sqlstate", "") or "")
        if name == "SQLITE_FULL" or state in ("53100", "53200") or _errno(error) in (errno.ENOSPC, errno.EDQUOT):
            return StoreFull(
                f"The disk is full, so nothing more can be stored in {self.where}. Make room, then try again."
            )
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or state in ("55P03", "40001", "40P01"):
            return StoreUnavailable(f"{self.where} is in use by another program. Try again in a moment.")
        if name.startswith("SQLITE_READONLY"):
            return StoreUnavailable(f"{self.where} can only be read: nothing can be stored in it.")
        if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            return StoreUnavailable(
                f"{self.where} is damaged or not a store of sessions. Restore a copy, or move it away."
            )
        return StoreUnavailable(f"{self.where} cannot be reached: {str(error.orig).strip().splitlines()[0]}.")

    @contextmanager
    def disk(self, doing: str = "The folder of the sessions cannot be used") -> Iterator[None]:
        """Errors of the disk as ours."""
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StoreFull(
                    f"The disk of {self.root} is full, so nothing more can be stored. Make room."
                ) from error
            raise StoreUnavailable(f"{doing}: {error.filename or self.root}: {error.strerror or error}.") from error

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """One at a time writes or unlinks blobs: a file that one session needs anew is not unlinked for another."""
        from filelock import FileLock, Timeout

        if not self.root.is_dir():  # the lock would make the folder anew
            raise StoreUnavailable(f"{self.root} is gone.")
        with self.disk():
            lock: BaseFileLock = FileLock(self.root / ".lock", timeout=max(self.wait, 0.1), mode=0o600)
            try:
                lock.acquire()
            except Timeout:
                raise StoreUnavailable(f"{self.root} is in use by another program. Try again in a moment.") from None
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _keeping(self, contents: Iterable[bytes]) -> Iterator[list[str]]:
        """Under the lock: the contents are on disk, noted as loose until the caller's transaction refers to them."""
        contents = [*contents]
        sums = [hashlib.sha256(content).hexdigest() for content in contents]
        with self._lock():
            with self._begin() as db:
                self._loosen(db, sums)
            try:
                with self.disk():
                    for sha256, content in zip(sums, contents, strict=True):
                        self._put(self._path(sha256), content)
                yield sums
            except BaseException:
                with suppress(StoreUnavailable, StoreFull):  # else at the next opening
                    self._unlink(sums)
                raise

    def _put(self, path: Path, content: bytes) -> None:
        if path.is_file() and path.stat().st_size == len(content):
            return
        part = self._blobs / f"{path.name}.part"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with open(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        _sync(path.parent)

    def _path(self, sha256: str) -> Path:
        return self._blobs / sha256[:2] / sha256

    def _refer(self, db: Connection, id: str, sums: Mapping[str, str], sizes: Mapping[str, int]) -> None:
        rows = [{"session_id": id, "name": n, "sha256": sha, "size": sizes[n]} for n, sha in sums.items()]
        if rows:
            db.execute(insert(BLOBS), rows)
            db.execute(delete(LOOSE).where(LOOSE.c.sha256.in_(tuple(sums.values()))))

    def _drop(self, db: Connection, which: Any) -> list[str]:
        """Deletes references → the sums, noted as loose in the same transaction."""
        sums = list(db.execute(select(BLOBS.c.sha256).where(which).distinct()).scalars())
        db.execute(delete(BLOBS).where(which))
        self._loosen(db, sums)
        return sums

    def _loosen(self, db: Connection, sums: Iterable[str]) -> None:
        for sha256 in sorted(set(sums)):
            db.execute(delete(LOOSE).where(LOOSE.c.sha256 == sha256))
            db.execute(insert(LOOSE), {"sha256": sha256})

    def _unlink(self, sums: Iterable[str]) -> None:
        """Under the lock: loose files that no session refers to are unlinked; then none of ``sums`` is loose any more."""
        sums = set(sums)
        if not sums:
            return
        with self._begin() as db:
            used = set(db.execute(select(BLOBS.c.sha256).where(BLOBS.c.sha256.in_(tuple(sums)))).scalars())
            with self.disk():
                for sha256 in sums - used:
                    self._path(sha256).unlink(missing_ok=True)
                    with suppress(OSError):
                        self._path(sha256).parent.rmdir()
            db.execute(delete(LOOSE).where(LOOSE.c.sha256.in_(tuple(sums))))

    def _empty_tmp(self, id: str, sums: Iterable[str]) -> None:
        """The session's passing files, and copies of its blobs that a page put down elsewhere in tmp."""
        shutil.rmtree(self._tmp / hashlib.sha256(id.encode()).hexdigest()[:32], ignore_errors=True)
        wanted = {sha256 for sha256 in sums if not self._path(sha256).exists()}
        for path in self._tmp.rglob("*") if wanted else ():
            with suppress(OSError):
                if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() in wanted:
                    path.unlink()

    def _forget(self, ids: Iterable[str]) -> None:
        """Under the lock: sessions, one transaction each, then their traces."""
        ids = [*ids]
        for id in ids:
            with self._begin() as db:
                gone = self._drop(db, BLOBS.c.session_id == id)
                db.execute(delete(TURNS).where(TURNS.c.session_id == id))
                db.execute(delete(SESSIONS).where(SESSIONS.c.id == id))
                db.execute(delete(META).where(META.c.name == TRACES))
                db.execute(insert(META), {"name": TRACES, "value": "1"})
            self._unlink(gone)
            self._empty_tmp(id, gone)
        if ids:
            self._scrub()

    def _scrub(self) -> None:
        """Under the lock: what was deleted leaves the database's files too. Undone, it is tried again at the next opening."""
        try:
            if self._file is not None:
                self._rewrite()
            elif self._engine.dialect.name == "postgresql":
                self._outside("VACUUM i2edit_turns, i2edit_sessions, i2edit_blobs")
            with self._begin() as db:
                db.execute(delete(META).where(META.c.name == TRACES))
        except (StoreUnavailable, StoreFull) as error:
            raise StoreUnavailable(
                f"Deleted, but traces stay in the files of {self.where} until the store is opened the next time, because "
                f"they could not be removed now: {error}"
            ) from error

    def _rewrite(self) -> None:
        self._outside("VACUUM")
        if self._outside("PRAGMA wal_checkpoint(TRUNCATE)"):
            raise StoreUnavailable(f"{self.where} is in use by another program.")

    def _outside(self, statement: str) -> Any:
        """A statement that cannot run inside a transaction → the first value of its answer, if it has one."""
        with self._typed(), self._engine.connect() as db:
            db.execution_options(isolation_level="AUTOCOMMIT")
            found = db.exec_driver_sql(statement)
            return found.scalar() if found.returns_rows else None

    def _version(self, db: Connection, id: str) -> int:
        version = db.execute(select(SESSIONS.c.version).where(SESSIONS.c.id == id)).scalar_one_or_none()
        if version is None:
            raise _nothing(id)
        return int(version)

    def _by_key(self, db: Connection, id: str, key: str) -> Kept | None:
        where = (TURNS.c.session_id == id) & (TURNS.c.key == key)
        row = db.execute(select(TURNS).where(where)).mappings().one_or_none()
        return _kept(row) if row is not None else None


def _url(place: str) -> Any:
    try:
        url = make_url(place)
    except ArgumentError:
        raise StoreUnavailable(f"{place!r} is not the URL of a database.") from None
    if url.get_backend_name() == "sqlite":
        raise StoreUnavailable("For SQLite, give the folder instead of a URL: its files must be private.")
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgresql", "postgres") else url


def _engine(url: Any) -> Engine:
    try:
        return create_engine(url, pool_pre_ping=True)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise StoreUnavailable(
            f"There is no driver for {url.get_backend_name()} here ({error}). For PostgreSQL: pip install "
            "'i2edit[postgresql]'."
        ) from None


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _head(conversation: Conversation) -> str:
    head = {
        "state": conversation.state.to_json(),
        "undo": [state.to_json() for state in conversation.undo_stack],
        "redo": [state.to_json() for state in conversation.redo_stack],
        "declined": sorted(conversation.declined),
    }
    return _json(head)


def _kept(row: RowMapping) -> Kept:
    turn = Turn.from_json(json.loads(row["turn"]))
    return Kept(row["number"], turn, json.loads(row["shown"]), row["created"], row["key"])


def _clean(name: str) -> str:
    """A file name as text that every database takes."""
    return name.encode("utf-8", "replace").decode().replace("\0", "")[:200]


def _checked_key(key: str | None) -> str | None:
    if key is not None and not (0 < len(key) <= KEY_LIMIT and key.isprintable()):
        raise MessageError(f"A key has from 1 to {KEY_LIMIT} printable characters.")
    return key


def _nothing(id: str) -> NoSuchSession:
    return NoSuchSession(f"There is no session {id!r}. `i2edit sessions list` shows those that there are.")


def _errno(error: DBAPIError) -> int | None:
    return getattr(error.orig, "errno", None)


def _sync(folder: Path) -> None:
    """A renamed file is there after a power cut."""
    with suppress(OSError):  # systems that cannot open folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
