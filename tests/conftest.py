"""Property tests try the same examples in every run, so that a red one means a change; HYPOTHESIS_PROFILE=explore
tries others, HYPOTHESIS_PROFILE=unshrunk too, and shows a failure at once instead of looking for the shortest one."""

import os

from hypothesis import Phase, settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.register_profile("unshrunk", deadline=None, phases=(Phase.generate,))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
