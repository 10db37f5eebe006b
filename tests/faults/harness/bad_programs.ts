/** Programs that do not do what a new QEMU is to do. */

/** Exits at once. */
export const EXITS = "#!/bin/sh\nexit 3\n";

/** Dies as a program with a wild pointer does. */
export const CRASHES = "#!/bin/sh\nkill -SEGV $$\n";

/** Never gets as far as its monitor. */
export const HANGS = "#!/bin/sh\nexec sleep 1000\n";

/** Is no program: random bytes, always the same ones. */
export const GARBAGE = Uint8Array.from({ length: 4096 }, (_, i) => {
  return i * 167 ^ i >> 3;
});

/** Tells a version without cpr-exec, and knows fewer options. */
export const ANCIENT = `#!/bin/sh
case " $* " in
*" --version "* | *" -version "*)
  echo "QEMU emulator version 8.2.2 (Debian 1:8.2.2+ds-1)"
  exit 0
  ;;
esac
echo "qemu-system-x86_64: Property 'pc-q35-8.2-machine.aux-ram-share' not found" >&2
exit 1
`;

/** The program with other words: each whole word that matches, replaced. */
export function rewords(
  program: string,
  words: Readonly<Record<string, string>>,
): string {
  const cases = Object.entries(words).map(([pattern, word]) =>
    `  ${pattern}) word=${word} ;;`
  );
  return `#!/bin/sh
for word do
  shift
  case $word in
${cases.join("\n")}
  esac
  set -- "$@" "$word"
done
exec ${program} "$@"
`;
}

/** The program with more words at the end. */
export function adds(program: string, ...words: readonly string[]): string {
  return `#!/bin/sh\nexec ${program} "$@" ${words.join(" ")}\n`;
}

/** The program with another value of an option. */
export function resets(program: string, option: string, value: string): string {
  return `#!/bin/sh
before=
for word do
  shift
  if [ "$before" = ${option} ]; then set -- "$@" ${value}
  else set -- "$@" "$word"
  fi
  before=$word
done
exec ${program} "$@"
`;
}

/** The program without one of its options. */
export function leavesOut(
  program: string,
  option: string,
  value: string,
): string {
  return `#!/bin/sh
before=
for word do
  shift
  if [ "$before" = ${option} ]; then
    case $word in
    ${value}) ;;
    *) set -- "$@" ${option} "$word" ;;
    esac
  elif [ "$word" != ${option} ]; then
    set -- "$@" "$word"
  fi
  before=$word
done
exec ${program} "$@"
`;
}
