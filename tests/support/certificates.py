"""Self-signed certificates for servers on this machine."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path


def self_signed(certificate: Path, key: Path, *names: str) -> None:
    """Write a certificate for names such as `IP:127.0.0.1` and `DNS:registry.invalid`, and its key."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", key, "-out", certificate, "-days", "2", "-subj", f"/CN={certificate.stem}"),
            *("-addext", f"subjectAltName={','.join(names)}"),
        ],
        check=True,
        capture_output=True,
    )


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return the TLS context of a server with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
