{{/*
The limit of V8's heap, from the memory limit; empty without one. Node.js by itself takes 259 MiB for every limit up to 512Mi: below some 400Mi the kernel
kills before V8 collects, and at 512Mi much is never used. Here nft is in the same container, and takes two to three times what
the heap does while it loads or lists all rules (docs/scale.md): the heap's part is a third.
*/}}
{{- define "service-proxy.heapMebibytes" -}}
{{- $limit := include "service-proxy.mebibytes" (dig "limits" "memory" "" (.Values.resources | default dict)) | int -}}
{{- $heap := div $limit 3 -}}
{{- if ge $heap 16 }}{{ $heap }}{{ end -}}
{{- end -}}

{{/* A Kubernetes quantity in whole MiB; 0 where it is none. */}}
{{- define "service-proxy.mebibytes" -}}
{{- $factors := dict "" 1 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $octets := 0.0 -}}
{{- if kindIs "string" . -}}
  {{- if regexMatch `^[0-9]+(\.[0-9]+)?([eE][0-9]+|m|[kMGT]|[KMGT]i)?$` . -}}
    {{- $unit := regexFind `(m|[kMGT]|[KMGT]i)$` . -}}
    {{- $octets = mulf (trimSuffix $unit . | float64) (get $factors $unit) -}}
  {{- end -}}
{{- else if not (kindIs "invalid" .) -}}
  {{- $octets = float64 . -}}
{{- end -}}
{{- divf $octets 1048576 | floor | int64 -}}
{{- end -}}

{{/* The container's environment: the user's, and in front of it NODE_OPTIONS with the heap's limit, where there is one and the user has no NODE_OPTIONS. */}}
{{- define "service-proxy.env" -}}
{{- $own := list -}}
{{- $isTheirs := false -}}
{{- range .Values.env }}{{ if eq (toString .name) "NODE_OPTIONS" }}{{ $isTheirs = true }}{{ end }}{{ end -}}
{{- if not $isTheirs -}}
{{- with include "service-proxy.heapMebibytes" . }}{{ $own = list (dict "name" "NODE_OPTIONS" "value" (printf "--max-old-space-size=%s" .)) }}{{ end -}}
{{- end -}}
{{- with concat $own (.Values.env | default list) }}{{ toYaml . }}{{ end -}}
{{- end -}}
