import { type Argument, keysOf } from "../../cmdline/mod.ts";

/** Options whose values have keys that name descriptors. */
const OPTIONS = [
  "chardev",
  "device",
  "fsdev",
  "net",
  "netdev",
  "nic",
  "object",
];
/** One descriptor, or several with colons between. */
const KEY = /^(fd|fds|vhostfd|vhostfds|sock_fd)$/;
/** A socket address whose type is a descriptor: `addr.type=fd,addr.str=7`. */
const ADDRESS = /^(.+)\.str$/;
const NUMBERS = /^\d+(:\d+)*$/;

/** The descriptors that arguments name, each once, lowest first. */
export function namedDescriptors(options: readonly Argument[]): number[] {
  const numbers = options
    .filter(({ option }) => OPTIONS.includes(option))
    .flatMap((argument) => {
      const value = keysOf(argument);
      return value.entries.filter(({ key }) => {
        const address = ADDRESS.exec(key)?.[1];
        return KEY.test(key) ||
          address !== undefined && value.get(`${address}.type`) === "fd";
      });
    })
    // A name instead of a number is one that a monitor gave.
    .filter(({ value }) => NUMBERS.test(value))
    .flatMap(({ value }) => value.split(":").map(Number));
  return [...new Set(numbers)].sort((a, b) => a - b);
}
