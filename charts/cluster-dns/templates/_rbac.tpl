{{/* Rules for what the Corefile makes the server list and watch; empty where it asks no API server as this service account. */}}
{{- define "cluster-dns.rules" -}}
{{- $facts := include "cluster-dns.facts" . | fromJson -}}
{{- $pods := ternary (or $facts.pods $facts.unseen) .Values.rbac.pods (kindIs "invalid" .Values.rbac.pods) -}}
{{- $core := list -}}
{{- if or $facts.services $facts.unseen }}{{ $core = append $core "services" }}{{ end -}}
{{- if or $facts.namespaces $facts.unseen }}{{ $core = append $core "namespaces" }}{{ end -}}
{{- if $pods }}{{ $core = append $core "pods" }}{{ end -}}
{{- $rules := list -}}
{{- with $core }}{{ $rules = append $rules (dict "apiGroups" (list "") "resources" . "verbs" (list "list" "watch")) }}{{ end -}}
{{- if or $facts.endpointSlices $facts.unseen -}}
{{- $rules = append $rules (dict "apiGroups" (list "discovery.k8s.io") "resources" (list "endpointslices") "verbs" (list "list" "watch")) -}}
{{- end -}}
{{- with $rules }}{{ toYaml . }}{{ end -}}
{{- end -}}
