/*
 * For LD_PRELOAD before ipvsadm, where the kernel has no ip_vs: takes what ipvsadm would send by netlink, says that all went well, and prints it,
 * one line a command: its number, and the attributes of each group as NUMBER=OCTETS (linux/ip_vs.h).
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct header { uint32_t length; uint16_t type, flags; uint32_t sequence, port; };
struct header *nlmsg_hdr(void *message);

int genl_connect(void *socket) { return 0; }
int genl_ctrl_resolve(void *socket, const char *name) { return 42; }
int nl_recvmsgs_default(void *socket) { return 0; }

static void print(const unsigned char *at, unsigned left, int is_group) {
  while (left >= 4) {
    uint16_t length, type;
    memcpy(&length, at, 2);
    memcpy(&type, at + 2, 2);
    if (length < 4 || length > left) return;
    printf(is_group ? " {%d" : " %d=", type & 0x3fff);
    if (is_group) { print(at + 4, length - 4, 0); printf(" }"); }
    else for (int i = 4; i < length; i++) printf("%02x", at[i]);
    unsigned step = (length + 3u) & ~3u;
    at += step;
    left -= step < left ? step : left;
  }
}

int nl_send_auto_complete(void *socket, void *message) {
  struct header *header = nlmsg_hdr(message);
  const unsigned char *generic = (const unsigned char *)(header + 1);
  printf("%d", generic[0]);
  print(generic + 4, header->length - 20, 1);
  printf("\n");
  return 0;
}
