"""The local SageMaker over HTTP with boto3. The services beside SageMaker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import boto3

from tests.contract.sagemaker_double.asking import (
    serving,
)
from tests.testbed.sagemaker import REGION, LocalSageMaker


class TestOtherServices:
    def test_moto_answers_the_rest(self, sagemaker: LocalSageMaker) -> None:
        storage = sagemaker.client("s3", region="us-east-1")
        storage.create_bucket(Bucket="weights")
        storage.put_object(Bucket="weights", Key="a", Body=b"abc")
        assert storage.get_object(Bucket="weights", Key="a")["Body"].read() == b"abc"
        client = sagemaker.client()
        client.create_model_package_group(ModelPackageGroupName="group")
        found = client.list_model_package_groups()["ModelPackageGroupSummaryList"]
        assert [g["ModelPackageGroupName"] for g in found] == ["group"]

    def test_it_serves_from_the_command_line(self) -> None:
        root = Path(__file__).parents[3]
        command = [sys.executable, "-m", "tests.testbed.sagemaker", "--port", "0", "--seconds", "0"]
        with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                url = process.stdout.readline().strip()
                client = boto3.client(
                    "sagemaker",
                    region_name=REGION,
                    endpoint_url=url,
                    aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
                    aws_secret_access_key="secret",
                )
                assert serving(client)["EndpointStatus"] == "InService"
            finally:
                process.terminate()
        assert process.returncode == 0
