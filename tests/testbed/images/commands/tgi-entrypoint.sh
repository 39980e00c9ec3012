#!/bin/sh
# https://github.com/huggingface/text-generation-inference/blob/v3.0.1/tgi-entrypoint.sh
exec text-generation-launcher "$@"
