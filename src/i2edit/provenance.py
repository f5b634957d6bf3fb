"""Who made this picture, and what was done to it: a signed C2PA manifest inside every edited picture, and reading it back.

In: an encoded picture (PNG, JPEG or WebP) and the edit state that it shows. Out: the same picture with a manifest that
lists the edits, each with its attribute and strength (C2PA 2.4, `c2pa.actions.v2`), through the Content Authenticity
Initiative's own library. In the manifest there is no thumbnail, no name of a file or person and nothing that anybody
typed; nothing is fetched or sent, neither for signing (so no time stamp by others) nor for reading.

    content = sign(content, "PNG", EditState.of("smiling"), generated=False)
    report = inspect("turn-1.png"); print(report.text)        # what `i2edit inspect` says

The signature: a certificate of yours (``I2EDIT_C2PA_CERT``, ``I2EDIT_C2PA_KEY``: PEM files, the chain beginning with the
signing certificate), else one that this installation makes for itself on first use and keeps in DATA/signing/ (0600).
Its own certificate proves that a picture was not changed since, not who made it, and pictures signed with it can be
recognised as coming from one installation.
"""

from __future__ import annotations

import datetime
import io
import json
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2edit import __version__
from i2edit.errors import OutputError
from i2edit.images import AI_EDITED, AI_GENERATED, file_kind, read_source_type
from i2edit.ontology import SLOT_OF, EditState
from i2edit.weights import data_home

if TYPE_CHECKING:
    from cryptography import x509

log = logging.getLogger("i2edit")

MIME = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "TIFF": "image/tiff", "GIF": "image/gif", "AVIF": "image/avif"}  # fmt: skip
ORGANIZATION = "i2edit, made on this machine"
YEARS = 10  # that an own certificate lasts; a new one is made in its last month
# Key usages: e-mail protection, which every verifier knows, and C2PA's own claim signing.
USAGES = ("1.3.6.1.5.5.7.3.4", "1.3.6.1.4.1.62558.2.1")
SETTINGS = {
    "version": 1,
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": False},
    "core": {"allowed_network_hosts": []},
    "builder": {"thumbnail": {"enabled": False}},
}


class SigningError(OutputError):
    """The manifest cannot be made; the picture itself can be saved without."""


# ------------------------------------------------------------------------------------------------ who signs


@dataclass(frozen=True)
class Signature:
    """What signs: a certificate chain and its key, both PEM."""

    chain: bytes
    key: bytes

    @property
    def certificate(self) -> x509.Certificate:
        from cryptography import x509

        return x509.load_pem_x509_certificates(self.chain)[0]

    @property
    def algorithm(self) -> str:
        """C2PA's name of the algorithm that the key is for. Raises SigningError for keys that C2PA does not use."""
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(self.key, None)
        except (ValueError, TypeError):
            raise SigningError("The C2PA key is not a PEM private key without a password.") from None
        if isinstance(key, ec.EllipticCurvePrivateKey):
            found = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}.get(key.curve.name)
        elif isinstance(key, ed25519.Ed25519PrivateKey):
            found = "ed25519"
        else:
            found = "ps256" if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048 else None
        if found is None:
            raise SigningError(
                "C2PA does not take keys of this kind: EC (P-256, P-384, P-521), Ed25519 or RSA from 2048."
            )
        return found


def signature() -> Signature:
    """The signature that the environment names, else this installation's own, made if need be. Raises SigningError."""
    certificate, key = os.environ.get("I2EDIT_C2PA_CERT"), os.environ.get("I2EDIT_C2PA_KEY")
    if certificate or key:
        return _given(certificate, key)
    file = _own_file()
    try:
        own = _split(file.read_bytes()) if file.exists() else None
        if own is None or _ends_soon(own):
            _make(file)
            own = _split(file.read_bytes())
        return own
    except OSError as error:
        raise SigningError(f"The signing key {file} cannot be used: {error.strerror or error}.") from error


def _own_file() -> Path:
    return data_home() / "signing" / "own.pem"


def use(certificate: Path | None, key: Path | None) -> None:
    """This process signs with that certificate from now on. Raises SigningError when it cannot."""
    _given(str(certificate or ""), str(key or ""))
    os.environ["I2EDIT_C2PA_CERT"], os.environ["I2EDIT_C2PA_KEY"] = str(certificate), str(key)


def _given(certificate: str | None, key: str | None) -> Signature:
    if not (certificate and key):
        raise SigningError(
            "Signing takes both, a certificate chain and its key (--c2pa-cert and --c2pa-key, or I2EDIT_C2PA_CERT and I2EDIT_C2PA_KEY)."
        )
    try:
        found = Signature(Path(certificate).expanduser().read_bytes(), Path(key).expanduser().read_bytes())
        _ = found.certificate, found.algorithm
    except OSError as error:
        raise SigningError(f"{error.filename} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise SigningError(f"{certificate} is not a PEM file of certificates.") from None
    return found


def _split(both: bytes) -> Signature:
    """The file of an own signature: the chain, then the key."""
    chain, mark, key = both.partition(b"-----BEGIN PRIVATE KEY-----")
    try:
        found = Signature(chain, mark + key)
        _ = found.certificate, found.algorithm
    except (ValueError, IndexError, SigningError):
        raise SigningError(f"The signing key {_own_file()} is damaged. Delete it; a new one is made.") from None
    return found


def _ends_soon(own: Signature) -> bool:
    return own.certificate.not_valid_after_utc - datetime.timedelta(days=30) < datetime.datetime.now(datetime.UTC)


def _make(file: Path) -> None:
    """A chain of two: a root whose key is thrown away at once, and the certificate that signs."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    def name(common: str) -> x509.Name:
        pairs = ((x509.NameOID.ORGANIZATION_NAME, ORGANIZATION), (x509.NameOID.COMMON_NAME, common))
        return x509.Name([x509.NameAttribute(kind, value) for kind, value in pairs])

    def usage(*on: str) -> x509.KeyUsage:
        kinds = (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        )  # fmt: skip
        return x509.KeyUsage(**{kind: kind in on for kind in kinds})

    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    number = secrets.token_hex(4)  # tells certificates of one person's machines apart
    root_name, names = name(f"i2edit root {number}"), name(f"i2edit {number}")
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def begun(subject: x509.Name, public: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(root_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        )

    root = (
        begun(root_name, root_key.public_key())
        .add_extension(x509.BasicConstraints(True, 0), True)
        .add_extension(usage("key_cert_sign", "crl_sign"), True)
        .sign(root_key, hashes.SHA256())
    )
    signing = (
        begun(names, key.public_key())
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(usage("digital_signature"), True)
        .add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(use) for use in USAGES]), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False)
        .sign(root_key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = file.with_name(f".{secrets.token_hex(4)}.part")
    with open(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
        out.write(signing.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM) + secret)
    os.replace(part, file)  # of two processes at once, the later one's stays: both are good
    log.warning(
        "A certificate for signing edited pictures was made for this installation: %s. It shows that a picture was not "
        "changed since, not who made it; I2EDIT_C2PA_CERT and I2EDIT_C2PA_KEY take another.", file,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------ signing


def sign(content: bytes, kind: str, state: EditState | None, *, generated: bool) -> bytes:
    """A PNG, JPEG or WEBP file's bytes → the same with a manifest. Pixels, XMP and all else stay as they are.

    ``state``: what is edited in it; None: edited, but it is not known how. Raises SigningError.
    """
    with _library() as c2pa:
        who = signature()
        info = c2pa.C2paSignerInfo(who.algorithm, who.chain, who.key, None)
        out = io.BytesIO()
        with (
            c2pa.Settings.from_dict(SETTINGS) as settings,
            c2pa.Context(settings, c2pa.Signer.from_info(info)) as context,
            c2pa.Builder(json.dumps(manifest(state, generated)), context) as builder,
        ):
            builder.sign(MIME[kind], io.BytesIO(content), out)
        return out.getvalue()


@contextmanager
def _library() -> Iterator[Any]:
    """c2pa, its errors as ours."""
    try:
        import c2pa
    except (ImportError, OSError, RuntimeError) as error:  # no wheel for this system, or its library cannot be loaded
        raise SigningError(f"the package c2pa-python cannot be used here ({error})") from error
    try:
        yield c2pa
    except c2pa.C2paError as error:
        raise SigningError(" ".join(str(error).split()).rstrip(".")) from error


def manifest(state: EditState | None, generated: bool) -> dict[str, Any]:
    """The manifest's definition: where the picture came from, then one action for each edit."""
    agent = {"name": "i2edit", "version": __version__}
    edit = {
        "action": "c2pa.edited",
        "digitalSourceType": AI_GENERATED if generated else AI_EDITED,
        "softwareAgent": agent,
    }
    first: dict[str, Any]
    if generated:
        first = {"action": "c2pa.created", "digitalSourceType": AI_GENERATED, "softwareAgent": agent}
    else:
        first = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["photo"]}}
    actions = [first]
    for value in state.belief if state is not None else ():
        named = {"i2edit.slot": SLOT_OF[value], "i2edit.value": value, "i2edit.strength": state.strength(value)}  # type: ignore[union-attr]
        actions.append({**edit, "description": f"{SLOT_OF[value]}: {value}", "parameters": named})
    if state is None and not generated:
        actions.append(edit)
    definition: dict[str, Any] = {
        "claim_generator_info": [agent],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }
    if not generated:  # the photo is named as what was opened, and nothing is told about it
        photo = {"title": "photo", "relationship": "parentOf", "instance_id": "photo", "label": "photo"}
        definition["ingredients"] = [photo]
    return definition


# ------------------------------------------------------------------------------------------------ reading back


@dataclass(frozen=True)
class Report:
    """What a picture says about itself. ``manifest``: none; valid; changed (since it was signed, or the signature is no
    good); elsewhere (only an address, not fetched); unreadable (``problems`` say why). ``own``: signed here."""

    path: Path
    source_type: str | None
    manifest: str
    edits: tuple[dict[str, Any], ...] = ()  # {"value", "slot", "strength"} of our own
    actions: tuple[str, ...] = ()
    generator: str = ""
    signer: str = ""
    own: bool = False
    problems: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Everything, as an object."""
        return {
            "file": str(self.path), "digital_source_type": self.source_type, "manifest": self.manifest,
            "edits": list(self.edits), "actions": list(self.actions), "generator": self.generator,
            "signer": self.signer, "signed_by_this_installation": self.own, "problems": list(self.problems),
        }  # fmt: skip

    @property
    def text(self) -> str:
        """Plain sentences, one a line."""
        lines = [f"{self.path}: {self._mark()}"]
        if self.manifest == "none":
            lines.append("It carries no C2PA manifest.")
        elif self.manifest == "elsewhere":
            lines.append("Its C2PA manifest is kept elsewhere; nothing was fetched.")
        elif self.manifest == "unreadable":
            lines.append(f"Its C2PA manifest cannot be read: {'; '.join(self.problems)}.")
        else:
            if self.edits:
                made = ", ".join(
                    e["value"] if e["strength"] == 1.0 else f"{e['value']} (strength {e['strength']:g})"
                    for e in self.edits
                )
                lines.append(f"Edits: {made}.")
            elif self.actions:
                lines.append(f"Actions: {', '.join(self.actions)}.")
            lines.append(f"Made with {self.generator or 'an unnamed program'}, signed by {self._who()}.")
            if self.manifest == "valid":
                lines.append("The file has not been changed since.")
            else:
                lines.append(f"DO NOT RELY ON IT: the file or its signature is not good ({'; '.join(self.problems)}).")
        return "\n".join(lines)

    def _mark(self) -> str:
        marks = {AI_EDITED: "a photo that was edited with AI.", AI_GENERATED: "a picture that was generated by AI."}
        if self.source_type is None:
            return "says nothing about how it was made (no IPTC DigitalSourceType)."
        return marks.get(self.source_type, f"IPTC DigitalSourceType {self.source_type.rsplit('/', 1)[-1]}.")

    def _who(self) -> str:
        if self.own:
            return "this installation's own certificate, which proves no name"
        if self.signer.startswith(ORGANIZATION):
            return "another i2edit installation's own certificate, which proves no name"
        return f"{self.signer or 'somebody unnamed'} (not checked against a list of trusted names)"


def inspect(path: str | Path) -> Report:
    """Reads a picture's marks. Raises PhotoError when it is no picture, SigningError when c2pa cannot be used."""
    path = Path(path).expanduser()
    source_type = read_source_type(path)
    kind = file_kind(path)
    if kind not in MIME:
        return Report(path, source_type, "none")
    with _library() as c2pa:
        settings = c2pa.Settings.from_dict(SETTINGS)
        try:
            with (
                c2pa.Context(settings) as context,
                path.open("rb") as file,
                c2pa.Reader(MIME[kind], file, context=context) as reader,
            ):
                found = json.loads(reader.json())
        except c2pa.C2paError.ManifestNotFound:
            return Report(path, source_type, "none")
        except c2pa.C2paError as error:
            if str(error).startswith("Remote"):  # it has no class of its own
                return Report(path, source_type, "elsewhere")
            return Report(path, source_type, "unreadable", problems=(" ".join(str(error).split()).rstrip("."),))
    return _report(path, source_type, found)


def _report(path: Path, source_type: str | None, found: dict[str, Any]) -> Report:
    active: dict[str, Any] = found.get("manifests", {}).get(str(found.get("active_manifest")), {})
    edits: list[dict[str, Any]] = []
    names: list[str] = []
    for assertion in active.get("assertions", ()):
        if not str(assertion.get("label", "")).startswith("c2pa.actions"):
            continue
        for action in assertion.get("data", {}).get("actions", ()):
            names.append(str(action.get("action", "?")))
            told = action.get("parameters") or {}
            if str(told.get("i2edit.value")) in SLOT_OF:
                value, strength = told["i2edit.value"], float(told.get("i2edit.strength", 1.0))
                edits.append({"slot": SLOT_OF[value], "value": value, "strength": round(strength, 4)})
    signed = active.get("signature_info", {})
    tools = [t for t in active.get("claim_generator_info", ()) if isinstance(t, dict)]
    failures = found.get("validation_results", {}).get("activeManifest", {}).get("failure", ())
    return Report(
        path, source_type, "valid" if found.get("validation_state") in ("Valid", "Trusted") else "changed",
        tuple(edits), tuple(names), f"{tools[0].get('name', '')} {tools[0].get('version', '')}".strip() if tools else "",
        ", ".join(str(signed[part]) for part in ("issuer", "common_name") if signed.get(part)),
        str(signed.get("cert_serial_number", "")) == _own_serial(),
        tuple(dict.fromkeys(f"{f.get('code')}: {f.get('explanation')}" for f in failures)),
    )  # fmt: skip


def _own_serial() -> str | None:
    try:
        return str(_split(_own_file().read_bytes()).certificate.serial_number)
    except (OSError, SigningError):
        return None
