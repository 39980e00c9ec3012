"""Where a client calls an endpoint through OpenAI's API.

https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-openai-compatible.html
"""

from slipway.domain.sagemaker.partitions import partition_of


def base_url(region: str, endpoint_name: str) -> str:
    """The base URL that an OpenAI client is given; it appends `/chat/completions`, the one path that is routed.

    `endpoint_name` as the service reports it: its case matters here, though not in CreateEndpoint
    (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html). Its characters are letters,
    digits and hyphens, so nothing has to be quoted.
    """
    return f"https://runtime.sagemaker.{region}.{partition_of(region).dns_suffix}/endpoints/{endpoint_name}/openai/v1"
