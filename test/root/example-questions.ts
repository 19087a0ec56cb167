/** Questions about the examples, as dig takes them: every kind of name, what is there and what is not. */
const QUESTIONS = `
kubernetes.default.svc.cluster.local A
kubernetes.default.svc.cluster.local AAAA
kubernetes.default.svc.cluster.local ANY
KuberNetes.Default.SVC.cluster.local A
_https._tcp.kubernetes.default.svc.cluster.local SRV
172-18-0-2.kubernetes.default.svc.cluster.local A
kube-dns.kube-system.svc.cluster.local A
kube-dns.kube-system.svc.cluster.local SRV
_dns._udp.kube-dns.kube-system.svc.cluster.local SRV
_dns-tcp._tcp.kube-dns.kube-system.svc.cluster.local SRV
_metrics._tcp.kube-dns.kube-system.svc.cluster.local SRV
_metrics._udp.kube-dns.kube-system.svc.cluster.local SRV
10-244-0-2.kube-dns.kube-system.svc.cluster.local A
hello-world.default.svc.cluster.local A
hello-world.default.svc.cluster.local AAAA
hello-world.default.svc.cluster.local TXT
hello-world.default.svc.cluster.local MX
hello-world.kube-system.svc.cluster.local A
hostnames.default.svc.cluster.local A
hostnames.default.svc.cluster.local SRV
_default._tcp.hostnames.default.svc.cluster.local SRV
10-244-1-10.hostnames.default.svc.cluster.local A
10-244-1-12.hostnames.default.svc.cluster.local A
webapp.default.svc.cluster.local A
10-244-1-20.webapp.default.svc.cluster.local A
10-244-1-21.webapp.default.svc.cluster.local A
10-244-1-29.webapp.default.svc.cluster.local A
nginx.default.svc.cluster.local A
nginx.default.svc.cluster.local AAAA
nginx.default.svc.cluster.local SRV
_web._tcp.nginx.default.svc.cluster.local SRV
_http._tcp.nginx.default.svc.cluster.local SRV
web-0.nginx.default.svc.cluster.local A
web-3.nginx.default.svc.cluster.local A
web-3.nginx.default.svc.cluster.local SRV
web-9.nginx.default.svc.cluster.local A
my-service.default.svc.cluster.local A
1-2-3-4.my-service.default.svc.cluster.local A
my-service.prod.svc.cluster.local A
my-service.prod.svc.cluster.local AAAA
my-service.prod.svc.cluster.local CNAME
my-service.prod.svc.cluster.local SRV
busybox-subdomain.default.svc.cluster.local A
busybox-1.busybox-subdomain.default.svc.cluster.local A
_foo._tcp.busybox-subdomain.default.svc.cluster.local SRV
dual-stack.default.svc.cluster.local A
dual-stack.default.svc.cluster.local AAAA
dual-stack.default.svc.cluster.local SRV
multi-port.default.svc.cluster.local SRV
_https._tcp.multi-port.default.svc.cluster.local SRV
_sip._udp.multi-port.default.svc.cluster.local SRV
_sip._tcp.multi-port.default.svc.cluster.local SRV
*.default.svc.cluster.local A
nobody.default.svc.cluster.local A
hello-world.nowhere.svc.cluster.local A
default.svc.cluster.local A
prod.svc.cluster.local A
nowhere.svc.cluster.local A
svc.cluster.local A
pod.cluster.local A
cluster.local SOA
cluster.local NS
cluster.local A
dns-version.cluster.local TXT
10-244-1-31.default.pod.cluster.local A
10-1-1-1.nowhere.pod.cluster.local A
www.example.org A
-x 10.96.0.1
-x 10.96.0.10
-x 10.96.77.44
-x 10.244.1.32
-x 10.244.1.41
-x 1.2.3.4
-x fd00:10:96::6070
-x 10.99.99.99
`;

/** Arguments of dig for each question. */
export const EXAMPLE_QUESTIONS: readonly (readonly string[])[] = QUESTIONS.trim()
  .split('\n')
  .map((line) => line.split(' '));
