"""What ails pods that do not serve, in their own words: pure functions of what the API server shows of them.

docs/diagnosis.md has every reason, what it looks like and what to do.
"""

from slipway.domain.cluster.diagnosis.jobs import diagnose_job
from slipway.domain.cluster.diagnosis.verdict import diagnose, unexplained

__all__ = ["diagnose", "diagnose_job", "unexplained"]
