/* A UDP socket and room for a batch of datagrams, for the C programs here. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, ROOM = 4096 };

struct batch {
  unsigned char octets[BATCH][ROOM];
  struct sockaddr_in peers[BATCH];
  struct iovec parts[BATCH];
  struct mmsghdr messages[BATCH];
};

static void make_room(struct batch *batch, int i) {
  batch->parts[i].iov_len = ROOM;
  batch->messages[i].msg_hdr.msg_namelen = sizeof batch->peers[i];
}

static int open_batch(struct batch *batch, int argc, char **argv) {
  struct sockaddr_in here = {.sin_family = AF_INET};
  int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20;
  if (argc != 3 || inet_pton(AF_INET, argv[1], &here.sin_addr) != 1) {
    fprintf(stderr, "usage: %s ADDRESS PORT\n", argv[0]);
    exit(2);
  }
  here.sin_port = htons((unsigned short)atoi(argv[2]));
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  if (bind(fd, (struct sockaddr *)&here, sizeof here) < 0) {
    perror("bind");
    exit(1);
  }
  memset(batch, 0, sizeof *batch);
  for (int i = 0; i < BATCH; i++) {
    batch->parts[i].iov_base = batch->octets[i];
    batch->messages[i].msg_hdr.msg_iov = &batch->parts[i];
    batch->messages[i].msg_hdr.msg_iovlen = 1;
    batch->messages[i].msg_hdr.msg_name = &batch->peers[i];
    make_room(batch, i);
  }
  return fd;
}

/* Sends the first `count` to where they came from and makes room for the next. A message that fails ends sendmmsg: it is skipped. */
static void send_batch(int fd, struct batch *batch, int count) {
  for (int sent = 0; sent < count;) {
    int now = sendmmsg(fd, batch->messages + sent, (unsigned)(count - sent), 0);
    sent += now > 0 ? now : 1;
  }
  for (int i = 0; i < count; i++) make_room(batch, i);
}
