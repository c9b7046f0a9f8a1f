{{/* Labels of one component. */}}
{{- define "yagura.labels" -}}
app.kubernetes.io/name: yagura
app.kubernetes.io/component: {{ . }}
{{- end }}

{{/* The image. */}}
{{- define "yagura.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* The name of the center's service within the cluster. */}}
{{- define "yagura.host" -}}
yagura-center.{{ .Release.Namespace }}.svc
{{- end }}
