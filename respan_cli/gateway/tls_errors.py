"""The meaning of an OpenSSL error."""

from __future__ import annotations

import re
import ssl

from respan_cli.errors import FailureKind

# X509_V_ERR_… (x509_vfy.h); any other code is a certificate that no trusted CA has signed.
_KIND_OF_CODE = {
    9: FailureKind.TLS_NOT_YET_VALID,
    10: FailureKind.TLS_EXPIRED,
    62: FailureKind.TLS_HOSTNAME,
    64: FailureKind.TLS_HOSTNAME,
}
# The first bytes that came were no TLS record.
_NOT_TLS = re.compile(
    "WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE|HTTP_REQUEST|UNKNOWN_PROTOCOL|PACKET_LENGTH_TOO_LONG"
)
# TLS 1.3 has an alert for a missing client certificate (RFC 8446, 6.2). It comes after the handshake.
_CLIENT_CERTIFICATE = re.compile("CERTIFICATE_REQUIRED|certificate required")


def kind_of(error: BaseException) -> FailureKind:
    """The kind of a failed handshake, or of an alert that ended a connection later."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _KIND_OF_CODE.get(error.verify_code, FailureKind.TLS_UNTRUSTED)
    if _NOT_TLS.search(str(error)):
        return FailureKind.TLS_NONE
    if _CLIENT_CERTIFICATE.search(str(error)):
        return FailureKind.TLS_CLIENT_CERTIFICATE
    return FailureKind.TLS


def words_of(error: BaseException) -> str:
    """OpenSSL's reason without its place in the source, as in 'wrong version number'."""
    found = re.search(r"\] (.*?) \(_ssl", str(error))
    return found[1] if found else getattr(error, "strerror", None) or str(error)
