/** The GNU assembler for RISC-V: Debian's binutils-riscv64-unknown-elf. */

const TOOLS = "riscv64-unknown-elf-";

/** The program that must be installed. */
export const ASSEMBLER = `${TOOLS}as`;

/** Where programs are linked to: the start of the machine's RAM. */
const BASE = "0x80000000";

/** Each takes milliseconds; a cold one on a busy host, seconds. */
const TIMEOUT_SECONDS = "20";

/**
 * Assembles RV32IMA, without compressed instructions, to the bytes that belong
 * at the start of RAM.
 *
 * @throws {Error} if the source is wrong, or binutils are not installed
 */
export function assemble(source: string): Uint8Array {
  const folder = Deno.makeTempDirSync({ prefix: "cprctl-assemble-" });
  const tool = (name: string, ...args: string[]) =>
    run(folder, [`${TOOLS}${name}`, ...args]);
  try {
    Deno.writeTextFileSync(`${folder}/source.s`, `${source}\n`);
    tool(
      "as",
      ..."-march=rv32ima_zicsr -mabi=ilp32 -mno-relax".split(" "),
      ..."-mpriv-spec=1.12 -o source.o source.s".split(" "),
    );
    tool(
      "ld",
      ..."-m elf32lriscv -e 0 -o source.elf source.o -Ttext".split(" "),
      BASE,
    );
    tool("objcopy", ..."-O binary source.elf source.bin".split(" "));
    return Deno.readFileSync(`${folder}/source.bin`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function run(cwd: string, argv: readonly string[]): void {
  const { success, stderr } = new Deno.Command("timeout", {
    args: [TIMEOUT_SECONDS, ...argv],
    cwd,
    stdin: "null",
  }).outputSync();
  if (success) return;
  const said = new TextDecoder().decode(stderr).trim();
  throw new Error(`Cannot run "${argv.join(" ")}"\n${said}`);
}
