{{/*
What the operator may do in the namespaces that it watches: exactly the verbs that it uses. A ClusterRole or Roles have
them, depending on watchNamespaces.
*/}}
{{- define "slipway.rules" -}}
- apiGroups: [slipway.dev]
  resources: [modelversions, deployments]
  verbs: [get, list, watch]
- apiGroups: [slipway.dev]
  resources: [deployments]
  verbs: [patch] # the finalizer, nothing else
- apiGroups: [slipway.dev]
  resources: [modelversions/status, deployments/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [secrets] # tokens for the Hub are read; <name>-binding for clients is written. Never listed
  verbs: [get, create, patch]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- if .Values.targets.cluster }}
# What follows is for spec.target.cluster: without it, Deployments on SageMaker work all the same.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [patch]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs] # load weights into a cache
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods] # why one does not start; nothing is changed
  verbs: [list, watch]
{{- if .Values.rbac.podLogs }}
- apiGroups: [""]
  resources: [pods/log] # optional: the last words of an engine that has ended, where its pod's status has none
  verbs: [get]
{{- end }}
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list]
- apiGroups: [""]
  resources: [endpoints] # before Kubernetes 1.21
  verbs: [get]
- apiGroups: [""]
  resources: [serviceaccounts, persistentvolumeclaims]
  verbs: [get, list, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, create, patch, delete]
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [get, list, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, create, patch, delete]
- apiGroups: [inference.networking.k8s.io]
  resources: [inferencepools]
  verbs: [get, list, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors, servicemonitors]
  verbs: [get, list, create, patch, delete]
{{- end }}
{{- end -}}

{{/* The uid of kube-system tells this cluster from others, where settings.installation does not. */}}
{{- define "slipway.clusterIdentityRules" -}}
- apiGroups: [""]
  resources: [namespaces]
  resourceNames: [kube-system] # its uid tells this cluster from others
  verbs: [get]
{{- end -}}

{{- define "slipway.subjects" -}}
- kind: ServiceAccount
  name: {{ include "slipway.serviceAccountName" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end -}}
