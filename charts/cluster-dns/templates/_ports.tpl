{{/*
The ports of DNS, as a JSON list: number, on the Service, on the node, and whether UDP and TCP. `servers` say theirs; of `corefile` they are
those in its text.
*/}}
{{- define "cluster-dns.dnsPorts" -}}
{{- $ports := list -}}
{{- if or .Values.corefile .Values.deployment.skipConfig -}}
  {{- range (include "cluster-dns.facts" . | fromJson).ports | default (list 53) -}}
    {{- $ports = append $ports (dict "port" (int .) "servicePort" (int .) "udp" true "tcp" true) -}}
  {{- end -}}
{{- else -}}
  {{- $isLoadBalancer := eq .Values.serviceType "LoadBalancer" -}}
  {{- $known := dict -}}
  {{- range .Values.servers -}}
    {{- $number := .port | default 53 | int -}}
    {{- $key := toString $number -}}
    {{- if not (hasKey $known $key) -}}
      {{- $_ := set $known $key (dict "port" $number "servicePort" ($number) "udp" true "tcp" false) -}}
      {{- $ports = append $ports (get $known $key) -}}
    {{- end -}}
    {{- $port := get $known $key -}}
    {{- with .servicePort }}{{ $_ := set $port "servicePort" (int .) }}{{ end -}}
    {{- with .nodePort }}{{ $_ := set $port "nodePort" (int .) }}{{ end -}}
    {{- with .hostPort }}{{ $_ := set $port "hostPort" (int .) }}{{ end -}}
    {{- /* Not said is yes, but for a load balancer, as some can't have both protocols. */ -}}
    {{- range .zones | default (list dict) -}}
      {{- if dig "use_tcp" (not $isLoadBalancer) . }}{{ $_ := set $port "tcp" true }}{{ end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- toJson $ports -}}
{{- end -}}

{{/* Name of a port: with adopt as in the cluster's own manifests, else as CoreDNS's chart names them. */}}
{{- define "cluster-dns.portName" -}}
{{- if and .root.Values.adopt (eq (int .port) 53) -}}
{{- ternary "dns" "dns-tcp" (eq .protocol "UDP") -}}
{{- else -}}
{{- printf "%s-%d" (lower .protocol) (int .port) -}}
{{- end -}}
{{- end -}}

{{- define "cluster-dns.containerPorts" -}}
{{- $root := . -}}
{{- $facts := include "cluster-dns.facts" . | fromJson -}}
{{- $ports := list -}}
{{- range include "cluster-dns.dnsPorts" . | fromJsonArray -}}
  {{- $dns := . -}}
  {{- range $protocol := list "UDP" "TCP" -}}
    {{- if get $dns (lower $protocol) -}}
      {{- $port := dict "name" (include "cluster-dns.portName" (dict "root" $root "port" $dns.port "protocol" $protocol)) "containerPort" (int $dns.port) "protocol" $protocol -}}
      {{- with $dns.hostPort }}{{ $_ := set $port "hostPort" (int .) }}{{ end -}}
      {{- $ports = append $ports $port -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- with include "cluster-dns.metricsPort" . -}}
  {{- $ports = append $ports (dict "name" "metrics" "containerPort" (int .) "protocol" "TCP") -}}
{{- end -}}
{{- toYaml $ports -}}
{{- end -}}

{{- define "cluster-dns.servicePorts" -}}
{{- $root := . -}}
{{- $ports := list -}}
{{- range include "cluster-dns.dnsPorts" . | fromJsonArray -}}
  {{- $dns := . -}}
  {{- range $protocol := list "UDP" "TCP" -}}
    {{- if get $dns (lower $protocol) -}}
      {{- $port := dict "name" (include "cluster-dns.portName" (dict "root" $root "port" $dns.port "protocol" $protocol)) "port" (int $dns.servicePort) "targetPort" (int $dns.port) "protocol" $protocol -}}
      {{- with $dns.nodePort }}{{ $_ := set $port "nodePort" (int .) }}{{ end -}}
      {{- $ports = append $ports $port -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if eq .Values.serviceType "ClusterIP" -}}
{{- with include "cluster-dns.metricsPort" . -}}
  {{- $ports = append $ports (dict "name" "metrics" "port" (int .) "targetPort" (int .) "protocol" "TCP") -}}
{{- end -}}
{{- end -}}
{{- toYaml $ports -}}
{{- end -}}

{{/* Where the metrics are; empty where there are none. */}}
{{- define "cluster-dns.metricsPort" -}}
{{- $facts := include "cluster-dns.facts" . | fromJson -}}
{{- with int $facts.metrics | default (ternary 9153 0 $facts.unseen) }}{{ . }}{{ end -}}
{{- end -}}

{{/* Where a probe asks: `health` or `ready`; empty where the Corefile has no such directive. */}}
{{- define "cluster-dns.probePort" -}}
{{- $facts := include "cluster-dns.facts" .root | fromJson -}}
{{- with int (get $facts .of) | default (ternary (ternary 8080 8181 (eq .of "health")) 0 $facts.unseen) }}{{ . }}{{ end -}}
{{- end -}}

{{/* After lameduck come at most five seconds for replies on their way, and the state is written: more than that is kept free. */}}
{{- define "cluster-dns.neededGraceSeconds" -}}
{{- add (int (include "cluster-dns.facts" . | fromJson).lameduckSeconds) 10 -}}
{{- end -}}

{{- define "cluster-dns.graceSeconds" -}}
{{- if kindIs "invalid" .Values.terminationGracePeriodSeconds -}}
{{- max 30 (include "cluster-dns.neededGraceSeconds" . | int) -}}
{{- else -}}
{{- int .Values.terminationGracePeriodSeconds -}}
{{- end -}}
{{- end -}}
