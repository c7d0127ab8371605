"""What logging in, accounts and tokens take and give."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

Language = Literal["vi", "en"]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Code = Annotated[str, Field(min_length=1, max_length=64)]
Password = Annotated[SecretStr, Field(min_length=1, max_length=256)]
Username = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_lower=True, pattern=r"^[a-z0-9][a-z0-9._@-]*$", min_length=2, max_length=64
    ),
]


class Asked(BaseModel):
    """A body: a field that is not known is a mistake."""

    model_config = ConfigDict(extra="forbid")


class LogIn(Asked):
    """Who wants to log in; `code` is one of the second factor, where there is one."""

    username: str = Field(min_length=1, max_length=64)
    password: Password
    code: SecretStr | None = Field(None, min_length=1, max_length=64)


class GrantIn(Asked):
    """A role in a unit and everything below it."""

    role: Code
    unit: Code


class GrantOut(BaseModel):
    """A role in a unit and everything below it; `*` is everything."""

    role: str
    unit: str
    unit_name: str = ""


class SessionOut(BaseModel):
    """Who is asking and what is permitted somewhere; `everywhere` names what is permitted in all schools.

    `home` is the page to land on. `must_change_password`: nothing else is permitted until that is done.
    """

    username: str
    name: str
    kind: Literal["session", "api", "wall"]
    language: str
    grants: list[GrantOut]
    permissions: list[str]
    everywhere: list[str]
    must_change_password: bool
    second_factor: bool
    recovery_codes_left: int
    home: str


class AccountOut(BaseModel):
    """An account with the grants that the asker may see."""

    id: int
    username: str
    name: str
    language: str
    grants: list[GrantOut]
    disabled: bool
    must_change_password: bool
    last_login_ms: int | None
    second_factor: bool
    login: Literal["password", "provider"]


class AccountIn(Asked):
    """A new account; its temporary password is in the answer."""

    username: Username
    name: Name
    grants: list[GrantIn] = Field(min_length=1, max_length=50)
    language: Language = "vi"


class AccountMade(BaseModel):
    """The account with its temporary password, which is shown this once."""

    account: AccountOut
    temporary_password: str


class AccountChange(Asked):
    """What is to be different; what is left out stays."""

    name: Name | None = None
    language: Language | None = None
    disabled: bool | None = None


class GrantsIn(Asked):
    """All grants that the account is to have, of those that the asker may see."""

    grants: list[GrantIn] = Field(max_length=50)


class TemporaryPassword(BaseModel):
    """Shown this once; it must be changed at the next login."""

    temporary_password: str


class OwnChange(Asked):
    """What is to be different of one's own account."""

    name: Name | None = None
    language: Language | None = None


class PasswordChange(Asked):
    """The password there is, and the one there is to be."""

    current: Password
    new: Password


class PasswordIn(Asked):
    """The password again, so that nobody else does it at an open screen."""

    password: Password


class CodeIn(Asked):
    """A code that the app shows now."""

    code: SecretStr = Field(min_length=6, max_length=20)


class SecondFactorOut(BaseModel):
    """What the app needs, shown this once; `qr_svg` is a picture of `otpauth_url`."""

    secret: str
    otpauth_url: str
    qr_svg: str


class RecoveryCodes(BaseModel):
    """Codes that each stand once for the app, shown this once."""

    recovery_codes: list[str]


class OwnSession(BaseModel):
    """A login session: where from, with what browser, and when it ends if it is not used."""

    id: int
    created_ms: int
    last_used_ms: int
    expires_ms: int
    address: str
    user_agent: str
    current: bool


class RoleOut(BaseModel):
    """A role: what it permits, the page its holders land on, and whether the asker may give it somewhere."""

    role: str
    permissions: list[str]
    home: str
    may_grant: bool


class TokenOut(BaseModel):
    """A token of a program or a wall screen; its secret is nowhere."""

    id: int
    kind: Literal["api", "wall"]
    name: str
    role: str
    unit: str
    unit_name: str
    wall: str | None
    owner: str | None
    created_ms: int
    expires_ms: int | None
    last_used_ms: int | None


class TokenIn(Asked):
    """A new token; an API token ends (a year from now if nothing is said), a wall's need not."""

    kind: Literal["api", "wall"]
    name: Name
    role: Code | None = None
    unit: Code
    expires_ms: int | None = Field(None, ge=0, le=4_102_444_800_000)
    wall: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,64}$")


class TokenMade(BaseModel):
    """The token with its secret, shown this once; `url` opens a wall's page on its screen."""

    token: TokenOut
    secret: str
    url: str | None = None
