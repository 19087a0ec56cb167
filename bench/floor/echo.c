/* The least that a DNS server on this machine can cost: takes up to 64 datagrams with one call, sets QR, sends them back with one call.
   usage: echo ADDRESS PORT */
#define _GNU_SOURCE
#include "batch.h"

int main(int argc, char **argv) {
  struct batch batch;
  int fd = open_batch(&batch, argc, argv);
  for (;;) {
    int count = recvmmsg(fd, batch.messages, BATCH, MSG_WAITFORONE, NULL);
    if (count < 0) continue;
    for (int i = 0; i < count; i++) {
      batch.octets[i][2] |= 0x80;
      batch.parts[i].iov_len = batch.messages[i].msg_len;
    }
    send_batch(fd, &batch, count);
  }
}
