{{/* What the operator's pod and the guard's have in common. */}}

{{- define "slipway.caVolume" -}}
{{- with .Values.caBundle -}}
{{- if .configMap.name -}}
configMap:
  name: {{ .configMap.name | quote }}
  items:
    - key: {{ .configMap.key | quote }}
      path: ca.crt
{{- else if .secret.name -}}
secret:
  secretName: {{ .secret.name | quote }}
  items:
    - key: {{ .secret.key | quote }}
      path: ca.crt
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Where no proxy comes in between: the API server ($(KUBERNETES_SERVICE_HOST) is put in by the kubelet), Services of the
cluster, and where EKS' Pod Identity and the instance metadata answer. Python compares names by their end and addresses
as they are written: a range such as 10.0.0.0/8 would match nothing.
*/}}
{{- define "slipway.noProxy" -}}
{{- $names := list "localhost" "127.0.0.1" "$(KUBERNETES_SERVICE_HOST)" "kubernetes.default.svc" ".svc" -}}
{{- $names = append $names (printf ".%s" (dig "cluster" "domain" "cluster.local" (.Values.settings | default dict))) -}}
{{- $names = concat $names (list "169.254.169.254" "169.254.170.2" "169.254.170.23") -}}
{{- join "," (concat $names (.Values.proxy.noProxy | default list) | uniq) -}}
{{- end -}}

{{- define "slipway.env" -}}
- name: SLIPWAY_CONFIG
  value: /etc/slipway/settings/settings.yaml
{{- with .Values.proxy }}
{{- if .httpsProxy }}
- name: HTTPS_PROXY
  value: {{ .httpsProxy | quote }}
{{- end }}
{{- if .httpProxy }}
- name: HTTP_PROXY
  value: {{ .httpProxy | quote }}
{{- end }}
{{- end }}
{{- if or .Values.proxy.httpsProxy .Values.proxy.httpProxy }}
- name: NO_PROXY
  value: {{ include "slipway.noProxy" . | quote }}
{{- end }}
{{- if and (include "slipway.caVolume" .) .Values.caBundle.aws }}
- name: AWS_CA_BUNDLE
  value: /etc/slipway/ca/ca.crt
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "slipway.volumeMounts" -}}
- name: settings
  mountPath: /etc/slipway/settings
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- if include "slipway.caVolume" . }}
- name: ca
  mountPath: /etc/slipway/ca
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "slipway.volumes" -}}
- name: settings
  configMap:
    name: {{ include "slipway.fullname" . | quote }}
- name: tmp # in a pod the operator writes no file; a library that wants a temporary one finds a place
  emptyDir:
    sizeLimit: 64Mi
{{- with include "slipway.caVolume" . }}
- name: ca
  {{- . | nindent 2 }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Where the pods may run, and as whom. */}}
{{- define "slipway.podSettings" -}}
serviceAccountName: {{ include "slipway.serviceAccountName" . | quote }}
automountServiceAccountToken: true
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "slipway.container" -}}
image: {{ include "slipway.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  {{- include "slipway.env" . | nindent 2 }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  {{- include "slipway.volumeMounts" . | nindent 2 }}
{{- end -}}
