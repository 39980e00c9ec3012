"""Property tests try the same examples in every run, so that a red one means a change; HYPOTHESIS_PROFILE=explore
tries others."""

import os

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
