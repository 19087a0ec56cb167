// Answers TCP connections on a port of all addresses of its namespace until its standard input ends. The kernel alone answers: nothing is
// accepted, so no program competes with who measures.
import { AF_INET, SO_REUSEADDR, SOL_SOCKET } from '#libc/constants.ts';
import { checked } from '#libc/errno.ts';
import { socketAddress } from '#libc/socket-address.ts';
import { libc, listen, SOCK_STREAM } from '../support/libc.ts';

const fd = checked(libc, 'socket', libc.socket(AF_INET, SOCK_STREAM, 0));
libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, Buffer.from([1, 0, 0, 0]), 4);
const address = socketAddress('0.0.0.0', Number(process.argv[2]), 4);
checked(libc, 'bind', libc.bind(fd, address, address.length));
checked(libc, 'listen', listen(fd, 4096));
console.log('listening');
process.stdin.on('end', () => process.exit(0)).resume();
