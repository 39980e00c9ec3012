{{/*
Name of the release's objects in its own namespace. A release may be called 1.2, and a Service may not: its name has
letters, digits and dashes, and begins with a letter.
*/}}
{{- define "slipway.fullname" -}}
{{- $name := .Values.fullnameOverride -}}
{{- if not $name -}}
{{- $release := .Release.Name | replace "." "-" -}}
{{- if regexMatch "^[0-9]" $release -}}
{{- $name = printf "slipway-%s" $release -}}
{{- else if contains "slipway" $release -}}
{{- $name = $release -}}
{{- else -}}
{{- $name = printf "%s-slipway" (regexReplaceAll "-+$" ($release | trunc 44) "") -}}
{{- end -}}
{{- end -}}
{{- regexReplaceAll "-+$" ($name | trunc 52) "" -}}
{{- end -}}

{{/*
Name of what is outside of the release's namespace. A colon, which no namespace or release may have in its name, so that
`a-b` in `c` and `b` in `c-a` do not come to the same.
*/}}
{{- define "slipway.globalname" -}}
{{- printf "slipway:%s:%s" .Release.Namespace .Release.Name -}}
{{- end -}}

{{/* Which release this is, in words and in the setting `release`. */}}
{{- define "slipway.release" -}}
{{- printf "%s/%s" .Release.Namespace .Release.Name -}}
{{- end -}}

{{- define "slipway.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "slipway.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/*
app.kubernetes.io/name is slipway whatever the release is called: NetworkPolicies of the pods that serve let the operator
in by it.
*/}}
{{- define "slipway.selectorLabels" -}}
app.kubernetes.io/name: slipway
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "slipway.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "slipway.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: slipway
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* [registry/]repository, then :tag, and @digest if there is one. */}}
{{- define "slipway.image" -}}
{{- $image := .Values.image -}}
{{- $name := $image.repository -}}
{{- with $image.registry -}}{{- $name = printf "%s/%s" (trimSuffix "/" .) $name -}}{{- end -}}
{{- $name = printf "%s:%s" $name ($image.tag | default .Chart.AppVersion) -}}
{{- with $image.digest -}}{{- $name = printf "%s@%s" $name . -}}{{- end -}}
{{- $name -}}
{{- end -}}
