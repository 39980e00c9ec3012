{{/*
The operator's settings file. What the chart knows itself comes from it alone; the schema of the values refuses it in
`settings`, so that nothing can be said twice.
*/}}
{{- define "slipway.settings" -}}
{{- $settings := deepCopy (.Values.settings | default dict) -}}
{{- $cluster := deepCopy (get $settings "cluster" | default dict) -}}
{{- $_ := set $cluster "operator_namespace" .Release.Namespace -}}
{{- if not (hasKey $cluster "evicts_unhealthy") -}}
{{- $_ := set $cluster "evicts_unhealthy" (semverCompare ">=1.27-0" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- $_ := set $settings "cluster" $cluster -}}
{{- $_ := set $settings "release" (include "slipway.release" .) -}}
{{- $_ := set $settings "namespaces" (sortAlpha (.Values.watchNamespaces | default list)) -}}
{{- $_ := set $settings "placements" (.Values.placements | default list) -}}
{{- $_ := set $settings "http_port" (int .Values.httpPort) -}}
{{- if and (include "slipway.caVolume" .) .Values.caBundle.hub -}}
{{- $_ := set $settings "hub_ca_bundle" "/etc/slipway/ca/ca.crt" -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end -}}

{{/* What the schema cannot say. */}}
{{- define "slipway.checked" -}}
{{- $own := list -}}
{{- with .Values.proxy.httpsProxy -}}{{- $own = append $own "HTTPS_PROXY" -}}{{- end -}}
{{- with .Values.proxy.httpProxy -}}{{- $own = append $own "HTTP_PROXY" -}}{{- end -}}
{{- if $own -}}{{- $own = append $own "NO_PROXY" -}}{{- end -}}
{{- if and (include "slipway.caVolume" .) .Values.caBundle.aws -}}{{- $own = append $own "AWS_CA_BUNDLE" -}}{{- end -}}
{{- range .Values.extraEnv -}}
{{- if hasPrefix "SLIPWAY_" .name -}}
{{- fail (printf "extraEnv sets %s, and a variable wins over the settings file: set it in `settings`, or the value of the chart that it comes from (watchNamespaces, placements, httpPort)" .name) -}}
{{- end -}}
{{- if has .name $own -}}
{{- fail (printf "extraEnv sets %s, which `proxy` or `caBundle` sets as well: leave it out, or them" .name) -}}
{{- end -}}
{{- end -}}
{{- $ca := .Values.caBundle -}}
{{- if and $ca.configMap.name $ca.secret.name -}}
{{- fail "caBundle names a ConfigMap and a Secret: give one of caBundle.configMap.name and caBundle.secret.name" -}}
{{- end -}}
{{- if and (include "slipway.caVolume" .) $ca.hub (.Values.settings).hub_ca_bundle -}}
{{- fail "caBundle and settings.hub_ca_bundle both name certificate authorities for the Hub: leave one out, or set caBundle.hub to false" -}}
{{- end -}}
{{- if and .Values.crds.enabled (not .Values.crds.keep) (or .Values.watchNamespaces (not .Values.uninstallGuard.enabled)) -}}
{{- fail "crds.keep is false: `helm uninstall` would delete the CRDs, and with them every ModelVersion and Deployment in every namespace. That needs uninstallGuard.enabled, and no watchNamespaces: the guard looks only where the release watches" -}}
{{- end -}}
{{- range $value := list "podLabels" "commonLabels" -}}
{{- range $label := list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "app.kubernetes.io/part-of" "helm.sh/chart" "slipway.dev/watches" -}}
{{- if hasKey (get $.Values $value | default dict) $label -}}
{{- fail (printf "%s sets %s, which is the chart's own: leave it out" $value $label) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
