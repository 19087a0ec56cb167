{{/*
What the Corefile says about its Pod, as JSON: its ports, its lameduck time and which kinds it lists. It is read from the text, so
that it holds for `corefile` and for `servers`. `unseen` is whether there is more than this text: an import, or a ConfigMap of somebody else's.
*/}}
{{- define "cluster-dns.facts" -}}
{{- $text := include "cluster-dns.corefile" . -}}
{{- $facts := dict "ports" list "health" 0 "ready" 0 "metrics" 0 "lameduckSeconds" 0 "services" false "namespaces" false "endpointSlices" false "pods" false "kubernetes" false "state" "" "domain" "" "unseen" .Values.deployment.skipConfig -}}
{{- $depth := 0 -}}
{{- $snippets := regexFindAll `(?m)^\s*\([^)\s]+\)\s*\{` $text -1 | join " " -}}
{{- $directive := "" -}}
{{- $block := dict -}}
{{- range regexSplit "\n" $text -1 -}}
{{- $line := regexReplaceAll `(^|\s)#.*$` . "" | trim -}}
{{- $words := list -}}
{{- if $line }}{{ $words = regexSplit `\s+` $line -1 }}{{ end -}}
{{- $word := first $words | default "" -}}
{{- $opens := and $line (eq (last $words) "{") -}}
{{- if eq $word "import" -}}
  {{- $name := index $words 1 | default "" -}}
  {{- if not (contains (printf "(%s)" $name) $snippets) }}{{ $_ := set $facts "unseen" true }}{{ end -}}
{{- else if eq $word "}" -}}
  {{- if eq $depth 2 }}{{ include "cluster-dns.closeDirective" (dict "facts" $facts "directive" $directive "block" $block) }}{{ end -}}
  {{- $depth = sub $depth 1 | int -}}
{{- else if and $line (eq $depth 0) -}}
  {{- if not (hasPrefix "(" $word) -}}
    {{- range (ternary (initial $words) $words $opens) -}}
      {{- $port := regexFind `:\d+,?$` . | trimPrefix ":" | trimSuffix "," | default "53" | int -}}
      {{- if not (has $port (get $facts "ports")) }}{{ $_ := set $facts "ports" (append (get $facts "ports") $port) }}{{ end -}}
    {{- end -}}
  {{- end -}}
{{- else if and $line (eq $depth 1) -}}
  {{- $directive = $word -}}
  {{- $arguments := rest (ternary (initial $words) $words $opens) -}}
  {{- $block = dict "arguments" $arguments "inCluster" true "endpoints" true "pods" false -}}
  {{- $port := regexFind `:\d+$` (first $arguments | default "") | trimPrefix ":" | int -}}
  {{- if eq $word "health" }}{{ $_ := set $facts "health" ($port | default 8080) }}
  {{- else if eq $word "ready" }}{{ $_ := set $facts "ready" ($port | default 8181) }}
  {{- else if eq $word "prometheus" }}{{ $_ := set $facts "metrics" ($port | default 9153) }}
  {{- end -}}
  {{- if not $opens }}{{ include "cluster-dns.closeDirective" (dict "facts" $facts "directive" $directive "block" $block) }}{{ end -}}
{{- else if and $line (eq $depth 2) -}}
  {{- $value := "" -}}
  {{- if gt (len $words) 1 }}{{ $value = index $words 1 }}{{ end -}}
  {{- if has $word (list "endpoint" "kubeconfig" "manifests") }}{{ $_ := set $block "inCluster" false }}
  {{- else if eq $word "noendpoints" }}{{ $_ := set $block "endpoints" false }}
  {{- else if and (eq $word "endpoints") (eq $value "none") }}{{ $_ := set $block "endpoints" false }}
  {{- else if and (eq $word "pods") (eq $value "verified") }}{{ $_ := set $block "pods" true }}
  {{- else if and (eq $word "state") (eq $directive "kubernetes") }}{{ $_ := set $facts "state" $value }}
  {{- else if and (eq $word "lameduck") (eq $directive "health") }}
    {{- $_ := set $facts "lameduckSeconds" (include "cluster-dns.seconds" $value | int) -}}
  {{- end -}}
{{- end -}}
{{- if $opens }}{{ $depth = add $depth 1 | int }}{{ end -}}
{{- end -}}
{{- toJson $facts -}}
{{- end -}}

{{/* Takes over what a directive at its end turns out to list. Writes nothing. */}}
{{- define "cluster-dns.closeDirective" -}}
{{- $facts := .facts -}}
{{- if eq .directive "kubernetes" }}{{ $_ := set $facts "kubernetes" true }}{{ end -}}
{{- if and (has .directive (list "kubernetes" "service_watch")) .block.inCluster -}}
  {{- $_ := set $facts "services" true -}}
  {{- if .block.endpoints }}{{ $_ := set $facts "endpointSlices" true }}{{ end -}}
  {{- if eq .directive "kubernetes" -}}
    {{- $_ := set $facts "namespaces" true -}}
    {{- if .block.pods }}{{ $_ := set $facts "pods" true }}{{ end -}}
    {{- range .block.arguments -}}
      {{- if and (eq $facts.domain "") (not (regexMatch `(\.arpa\.?|/\d+)$` .)) }}{{ $_ := set $facts "domain" (trimSuffix "." .) }}{{ end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* A duration as Go writes it, in whole seconds, rounded up. */}}
{{- define "cluster-dns.seconds" -}}
{{- $ms := 0.0 -}}
{{- $units := dict "h" 3600000 "m" 60000 "s" 1000 "ms" 1 -}}
{{- range regexFindAll `[0-9.]+(ms|h|m|s)` . -1 -}}
{{- $unit := regexFind `[a-z]+$` . -}}
{{- $ms = addf $ms (mulf (trimSuffix $unit . | float64) (get $units $unit)) -}}
{{- end -}}
{{- divf $ms 1000 | ceil | int -}}
{{- end -}}
