{{/* The Corefile: `corefile` as it is, else written from `servers`. Empty where the ConfigMap is somebody else's. */}}
{{- define "cluster-dns.corefile" -}}
{{- if .Values.deployment.skipConfig -}}
{{- else if .Values.corefile -}}
{{ trimSuffix "\n" .Values.corefile }}
{{ else -}}
{{- range $name, $line := .Values.extraConfig -}}
{{ $name }}{{ with $line }}{{ with .parameters }} {{ . }}{{ end }}{{ end }}
{{ end -}}
{{- range .Values.servers -}}
{{ include "cluster-dns.serverKeys" . }} {
{{- range .plugins }}
    {{ .name }}
    {{- if not (kindIs "invalid" .parameters) }}{{ with toString .parameters }} {{ . }}{{ end }}{{ end }}
    {{- with .configBlock }} {
{{ trimSuffix "\n" . | indent 8 }}
    }
    {{- end }}
{{- end }}
}
{{ end -}}
{{- end -}}
{{- end -}}

{{/* The zones of a server block, each with the port. */}}
{{- define "cluster-dns.serverKeys" -}}
{{- $port := "" -}}
{{- with .port }}{{ $port = print ":" (toString .) }}{{ end -}}
{{- $keys := list -}}
{{- range .zones -}}
{{- $keys = append $keys (print (.scheme | default "") (.zone | default ".") $port) -}}
{{- end -}}
{{- $keys | default (list (print "." $port)) | join " " -}}
{{- end -}}

{{/* The files in /etc/coredns. */}}
{{- define "cluster-dns.configData" -}}
{{- $data := dict "Corefile" (include "cluster-dns.corefile" .) -}}
{{- range .Values.zoneFiles }}{{ $_ := set $data .filename (.contents | default "") }}{{ end -}}
{{- toYaml $data -}}
{{- end -}}
