{{- define "erpscope.name" -}}
{{- if contains "erpscope" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-erpscope" .Release.Name | trunc 52 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{- define "erpscope.selector" -}}
app.kubernetes.io/name: erpscope
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "erpscope.labels" -}}
{{ include "erpscope.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}
