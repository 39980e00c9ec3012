"""What looks like a secret, so that it is neither accepted in a public place nor repeated in a message."""

import re

_TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{20,}|\b(AKIA|ASIA)[A-Z0-9]{16}\b")
"""What an access token of Hugging Face or an access key of AWS looks like:
https://huggingface.co/docs/hub/security-tokens and
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids"""


def looks_like_token(text: str) -> bool:
    """Whether a text holds what looks like an access token."""
    return _TOKEN.search(text) is not None
