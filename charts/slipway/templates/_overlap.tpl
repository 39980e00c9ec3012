{{/*
Two operators that watch one namespace would undo each other's work. Every release marks its bindings with the label
slipway.dev/watches; before this one binds anything, those of others are looked for. `helm template` sees no cluster, and
so do Argo CD and --dry-run=client: there, nothing is found. `overlapCheck: false` leaves it out, for whoever may not list
bindings, or moves from one release to another.
*/}}
{{- define "slipway.refuseOverlap" -}}
{{- if and .Values.overlapCheck .Values.rbac.create -}}
{{- $mine := include "slipway.release" . -}}
{{- range $binding := (lookup "rbac.authorization.k8s.io/v1" "ClusterRoleBinding" "" "").items -}}
{{- $other := include "slipway.watcher" $binding -}}
{{- if and $other (ne $other $mine) -}}
{{- fail (printf "the release %s watches all namespaces already, and two operators must not watch the same one: set watchNamespaces in both releases, or uninstall %s (overlapCheck: false leaves this check out)" $other $other) -}}
{{- end -}}
{{- end -}}
{{- range $namespace := (.Values.watchNamespaces | default (list "")) -}}
{{- range $binding := (lookup "rbac.authorization.k8s.io/v1" "RoleBinding" $namespace "").items -}}
{{- $other := include "slipway.watcher" $binding -}}
{{- if and $other (ne $other $mine) -}}
{{- fail (printf "the release %s watches the namespace %s already, and two operators must not watch the same one: leave it out of watchNamespaces here or there (overlapCheck: false leaves this check out)" $other $binding.metadata.namespace) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The release that a binding makes a watcher, as <namespace>/<name>; nothing, if it is none of ours. */}}
{{- define "slipway.watcher" -}}
{{- $labels := .metadata.labels | default dict -}}
{{- if get $labels "slipway.dev/watches" -}}
{{- range .subjects | default list -}}
{{- printf "%s/%s" .namespace (get $labels "app.kubernetes.io/instance") -}}
{{- end -}}
{{- end -}}
{{- end -}}
