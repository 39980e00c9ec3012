{{/*
YAML without its x-kubernetes-validations: API servers before Kubernetes 1.25 refuse a CRD that has them, by server-side
apply as by Helm's own validation. A line belongs to such a list if it is indented more than its key, or as much and
begins with a dash.
*/}}
{{- define "slipway.withoutCel" -}}
{{- $key := -1 -}}
{{- range $line := splitList "\n" . -}}
{{- $text := trim $line -}}
{{- $indent := len (regexFind "^ *" $line) -}}
{{- if and (ge $key 0) (not (or (gt $indent $key) (and (eq $indent $key) (hasPrefix "-" $text)))) -}}
{{- $key = -1 -}}
{{- end -}}
{{- if eq $text "x-kubernetes-validations:" -}}
{{- $key = $indent -}}
{{- end -}}
{{- if lt $key 0 }}
{{ $line }}
{{- end -}}
{{- end -}}
{{- end -}}
