"""Encode and sign transactions in AvalancheGo's format: a P-Chain transfer, and an export from the C-Chain.

The format is that of AvalancheGo's linear codec: numbers are big-endian, a list begins with its length, and
a value of an interface begins with its type ID.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from eth_account import Account

P_CHAIN = bytes(32)
# In nAVAX; more than the dynamic fee of each chain.
P_FEE = 1_000_000
C_FEE = 1_000_000_000
_CODEC_VERSION = bytes(2)
_TRANSFER_INPUT, _TRANSFER_OUTPUT, _CREDENTIAL = 5, 7, 9
_EXPORT_OF_C = 1
_BASE_OF_P = 34
_CHECKSUM_BYTES = 4
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True)
class Output:
    """An unspent output of a transaction; `amount` is in nAVAX."""

    transaction: bytes
    index: int
    amount: int


def p_transfer(network_id: int, asset: bytes, owner: bytes, key: str, spent: Output) -> tuple[str, Output]:
    """Encode a P-Chain transfer to its sender; return the transaction, and its output."""
    left = spent.amount - P_FEE
    spending = (
        spent.transaction
        + _number(spent.index, 4)
        + asset
        + _number(_TRANSFER_INPUT, 4)
        + _number(spent.amount, 8)
        + _list(_number(0, 4))
    )
    unsigned = (
        _CODEC_VERSION
        + _number(_BASE_OF_P, 4)
        + _number(network_id, 4)
        + P_CHAIN
        + _list(_output(asset, owner, left))
        + _list(spending)
        + _list()
    )
    signed = _signed(unsigned, key)
    return _hex(signed), Output(hashlib.sha256(signed).digest(), 0, left)


def c_export(network_id: int, chain: bytes, asset: bytes, owner: bytes, key: str, amount: int) -> str:
    """Encode an export of `amount` nAVAX from the C-Chain to the P-Chain.

    The export is the account's first transaction.
    """
    sender = bytes.fromhex(Account.from_key(key).address[2:])
    unsigned = (
        _CODEC_VERSION
        + _number(_EXPORT_OF_C, 4)
        + _number(network_id, 4)
        + chain
        + P_CHAIN
        + _list(sender + _number(amount + C_FEE, 8) + asset + _number(0, 8))
        + _list(_output(asset, owner, amount))
    )
    return _hex(_signed(unsigned, key))


def output_of(text: str) -> Output | None:
    """Decode an output of `platform.getUTXOs`; return `None` if it is locked or not a plain transfer."""
    encoded = bytes.fromhex(text.removeprefix("0x"))
    transaction, index, kind = encoded[2:34], encoded[34:38], encoded[70:74]
    amount, locked_until = encoded[74:82], encoded[82:90]
    if int.from_bytes(kind) != _TRANSFER_OUTPUT or any(locked_until):
        return None
    return Output(transaction, int.from_bytes(index), int.from_bytes(amount))


def id_bytes(text: str) -> bytes:
    """Decode an ID in CB58 to its 32 bytes."""
    value = 0
    for each in text:
        value = value * len(_BASE58) + _BASE58.index(each)
    return value.to_bytes(32 + _CHECKSUM_BYTES)[:32]


def _output(asset: bytes, owner: bytes, amount: int) -> bytes:
    locked_until, threshold = _number(0, 8), _number(1, 4)
    kind = _number(_TRANSFER_OUTPUT, 4)
    return asset + kind + _number(amount, 8) + locked_until + threshold + _list(owner)


def _signed(unsigned: bytes, key: str) -> bytes:
    signature = Account.unsafe_sign_hash(hashlib.sha256(unsigned).digest(), key)
    recovery = signature.v - 27
    compact = _number(signature.r, 32) + _number(signature.s, 32) + _number(recovery, 1)
    return unsigned + _list(_number(_CREDENTIAL, 4) + _list(compact))


def _list(*items: bytes) -> bytes:
    return _number(len(items), 4) + b"".join(items)


def _number(value: int, size: int) -> bytes:
    return value.to_bytes(size)


def _hex(encoded: bytes) -> str:
    return "0x" + (encoded + hashlib.sha256(encoded).digest()[-_CHECKSUM_BYTES:]).hex()
