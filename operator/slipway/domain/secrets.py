"""What looks like a secret, so that it is neither accepted in a public place nor repeated in a message."""

import re

_TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{20,}|\b(AKIA|ASIA)[A-Z0-9]{16}\b")
"""What an access token of Hugging Face or an access key of AWS looks like:
https://huggingface.co/docs/hub/security-tokens and
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids"""

_NAME = r"(?:api[_-]?key|secret(?!s)|passw(?:or)?d|credential|authorization|token(?!s|iz|[_-](?:id|type)))"
"""In a name that speaks of a secret. Counts of tokens, tokenizers and the ids of special tokens are none."""
_ASSIGNMENT = r"""[\w-]{0,60}["']?\s*(?:=|:(?=\s*(?:Some\()?\s*["'\[]))\s*(?:Some\(|\[)?\s*["']?"""
"""An equals sign, or a colon with a value in quotes: "invalid token: Unauthorized" says what matters."""
_VALUE = r"""(?!(?:None|null|true|false)\b)[^\s"',;&)\]}]+"""
_SECRETS = (
    r"()-----BEGIN [A-Z ]*PRIVATE KEY-----(?:.|\n)*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    # Signed addresses of object stores have their secret in the query; nothing else in a query is worth the risk.
    r"""(https?://[^\s?"'<>]{1,2000}\?)[^\s"'<>)]*[^\s"'<>):.,]""",
    r"""(://)[^\s/@"']{1,400}(?=@)""",
    r"""(\bbearer\s+)[^\s"'<>,;)]{8,}""",
    r"(\bbasic\s+)[A-Za-z0-9+/]{16,}={0,2}",
    rf"({_NAME}{_ASSIGNMENT}){_VALUE}",
    r"""((?:api[_-]?key|passw(?:or)?d)[\w-]{0,60}: *)(?!Some\()[^\s"'(\[]+""",
    rf"(--[\w-]{{0,60}}{_NAME} )\S+",
    # https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/
    r"""("auth"\s*:\s*")[^"]+""",
    # A JSON Web Token: https://datatracker.ietf.org/doc/html/rfc7519#section-3.1
    r"()eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?",
    # Hugging Face (of users, organisations, OAuth), AWS, GitHub, GitLab, Slack, OpenAI and those who write keys alike.
    # Without word boundaries: whatever a token is glued to, it stays one.
    r"()(?-i:hf_(?:[a-z]+_)?[A-Za-z0-9]{16,}|api_org_[A-Za-z0-9]{16,}|(?:AKIA|ASIA)[A-Z0-9]{16})",
    r"()(?-i:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abp]-[\w-]{10,}|sk-[\w-]{16,})",
)
_SECRET = tuple(re.compile(pattern, re.IGNORECASE) for pattern in _SECRETS)
"""The group is what stays."""


def looks_like_token(text: str) -> bool:
    """Whether a text holds what looks like an access token."""
    return _TOKEN.search(text) is not None


def without_secrets(text: str) -> str:
    """A text of somebody else's, such as the last lines of a log, with an ellipsis for whatever looks like a secret.

    It rather leaves out too much: the text ends up in conditions and events, which more people read than may read logs.
    """
    for pattern in _SECRET:
        text = pattern.sub(r"\g<1>…", text)
    return text
