"""The fields of Argo CD's Application and ApplicationSet that the examples use, as JSON schemas.

An excerpt of https://github.com/argoproj/argo-cd/blob/master/manifests/crds/application-crd.yaml and of
applicationset-crd.yaml beside it, which have 400 KB and more. A field that is not here is refused, so a typing error
fails, and whoever uses another field looks it up there.
"""

from typing import Any

Schema = dict[str, Any]


def _object(required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of, "minItems": 1}


TEXT: Schema = {"type": "string", "minLength": 1}
FLAG: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "integer"}
FREE: Schema = {"type": "object"}
OPTION: Schema = {
    "type": "string",
    # https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/
    "pattern": "^(CreateNamespace|ServerSideApply|RespectIgnoreDifferences|PruneLast|ApplyOutOfSyncOnly)=(true|false)$",
}
METADATA = _object(
    ("name",), name=TEXT, namespace={"const": "argocd"}, annotations=FREE, labels=FREE, finalizers=_list(TEXT)
)
SYNC_POLICY = _object(
    automated=_object(prune=FLAG, selfHeal=FLAG, allowEmpty=FLAG, enabled=FLAG),
    syncOptions=_list(OPTION),
    retry=_object(limit=NUMBER, refresh=FLAG, backoff=_object(duration=TEXT, factor=NUMBER, maxDuration=TEXT)),
)
SPEC = _object(
    ("project", "source", "destination"),
    project=TEXT,
    source=_object(
        ("repoURL",),
        repoURL=TEXT,
        targetRevision=TEXT,
        path=TEXT,
        chart=TEXT,
        helm=_object(releaseName=TEXT, valuesObject=FREE, valueFiles=_list(TEXT)),
        directory=_object(recurse=FLAG),
    ),
    destination=_object(server=TEXT, name=TEXT, namespace=TEXT),
    ignoreDifferences=_list(_object(("kind",), group=TEXT, kind=TEXT, name=TEXT, jsonPointers=_list(TEXT))),
    syncPolicy=SYNC_POLICY,
)
APPLICATION = _object(
    ("apiVersion", "kind", "metadata", "spec"),
    apiVersion={"const": "argoproj.io/v1alpha1"},
    kind={"const": "Application"},
    metadata=METADATA,
    spec=SPEC,
)
APPLICATION_SET = _object(
    ("apiVersion", "kind", "metadata", "spec"),
    apiVersion={"const": "argoproj.io/v1alpha1"},
    kind={"const": "ApplicationSet"},
    metadata=METADATA,
    spec=_object(
        ("generators", "template"),
        goTemplate={"const": True},
        goTemplateOptions=_list(TEXT),
        generators=_list(
            _object(
                git=_object(
                    ("repoURL", "revision", "directories"),
                    repoURL=TEXT,
                    revision=TEXT,
                    directories=_list(_object(("path",), path=TEXT, exclude=FLAG)),
                )
            ),
        ),
        syncPolicy=_object(preserveResourcesOnDeletion=FLAG, applicationsSync=TEXT),
        template=_object(("metadata", "spec"), metadata=_object(("name",), name=TEXT), spec=SPEC),
    ),
)
