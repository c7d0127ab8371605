"""Second factors: time-based codes of an app (RFC 6238) and recovery codes, each once; never commits."""

import hmac
import secrets

import pyotp
from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.accounts.rules import TOTP_STEP_S, plain_code, recovery_code, steps_near
from hub.accounts.seal import Seal
from hub.accounts.service import token_hash
from hub.accounts.tables import RecoveryCode, SecondFactor
from hub.errors import Conflict, WrongCode

RECOVERY_CODES = 10
ISSUER = "Smart-classroom hub"


async def is_on(session: AsyncSession, account_id: int) -> bool:
    """Tells whether an account has a confirmed second factor."""
    query = select(SecondFactor.confirmed_ms).where(SecondFactor.account_id == account_id)
    return (await session.execute(query)).scalar_one_or_none() is not None


async def begin(session: AsyncSession, seal: Seal, account_id: int) -> str:
    """Makes a secret and gives it, this once; it counts only when a code of it was confirmed."""
    found = await session.get(SecondFactor, account_id)
    if found is not None and found.confirmed_ms is not None:
        raise Conflict("there is a second factor already", fix="remove it first")
    secret = pyotp.random_base32()
    if found is None:
        session.add(SecondFactor(account_id=account_id, sealed_secret=seal.closed(secret)))
    else:
        found.sealed_secret = seal.closed(secret)
    await session.flush()
    return secret


async def confirm(session: AsyncSession, seal: Seal, account_id: int, code: str, now_ms: int) -> list[str]:
    """Switches the second factor on by its first code and gives the recovery codes, this once."""
    found = await session.get(SecondFactor, account_id)
    if found is None or found.confirmed_ms is not None:
        raise Conflict("no second factor waits to be confirmed",
                       fix="begin by POST /api/v1/account/second-factor")  # fmt: skip
    if not await _use_totp(session, seal, account_id, code, now_ms):
        fix = "send the six digits that the app shows now; is the telephone's clock right?"
        raise WrongCode("the code is wrong", field="code", fix=fix)
    found.confirmed_ms = now_ms
    codes = [recovery_code(secrets.choice) for _ in range(RECOVERY_CODES)]
    await session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account_id))
    session.add_all(RecoveryCode(account_id=account_id, hash=token_hash(plain_code(each))) for each in codes)
    await session.flush()
    return codes


async def use_code(session: AsyncSession, seal: Seal, account_id: int, code: str, now_ms: int) -> str:
    """Uses up a code: gives `totp`, `recovery`, or an empty text if it is wrong or was used before."""
    plain = plain_code(code)
    if len(plain) == 6:
        return "totp" if await _use_totp(session, seal, account_id, plain, now_ms) else ""
    used = await session.execute(
        delete(RecoveryCode).where(
            RecoveryCode.account_id == account_id, RecoveryCode.hash == token_hash(plain)
        )
    )
    return "recovery" if isinstance(used, CursorResult) and used.rowcount else ""


async def recovery_codes_left(session: AsyncSession, account_id: int) -> int:
    """Counts the recovery codes that were not used."""
    query = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.account_id == account_id)
    return await session.scalar(query) or 0


async def remove(session: AsyncSession, account_id: int) -> bool:
    """Takes an account's second factor and its recovery codes away; tells whether there was one."""
    was = await is_on(session, account_id)
    await session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account_id))
    await session.execute(delete(SecondFactor).where(SecondFactor.account_id == account_id))
    return was


def otpauth_url(secret: str, username: str) -> str:
    """Gives the address that authenticator apps read from a QR code."""
    return pyotp.TOTP(secret, interval=TOTP_STEP_S).provisioning_uri(name=username, issuer_name=ISSUER)


async def _use_totp(session: AsyncSession, seal: Seal, account_id: int, code: str, now_ms: int) -> bool:
    query = select(SecondFactor.sealed_secret).where(SecondFactor.account_id == account_id)
    sealed = (await session.execute(query)).scalar_one_or_none()
    if sealed is None or not code.isascii():
        return False
    codes = pyotp.TOTP(seal.opened(sealed), interval=TOTP_STEP_S)
    for step in steps_near(now_ms):
        if hmac.compare_digest(codes.generate_otp(step), code):
            # in one statement, so that of two who send the same code at once only one is let in
            used = await session.execute(
                update(SecondFactor)
                .where(SecondFactor.account_id == account_id, SecondFactor.last_step < step)
                .values(last_step=step)
            )
            return isinstance(used, CursorResult) and used.rowcount == 1
    return False
