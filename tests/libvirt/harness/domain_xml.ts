/** The XML of a domain with what domains usually have. */

const SHARED =
  "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>";
const AUXILIARY =
  "<qemu:arg value='-machine'/><qemu:arg value='aux-ram-share=on'/>";

/** Some are free for what is plugged in later. */
const PORTS = 14;

interface DomainXmlOptions {
  readonly type: "kvm" | "qemu";
  readonly emulator: string;
  /** Whether its RAM is shared. */
  readonly shared: boolean;
  /** What QEMU has in its environment besides. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Two disks, one with an iothread, a tap, a terminal, channel, VNC and more. */
export function domainXml(
  name: string,
  { type, emulator, shared, environment }: DomainXmlOptions,
): string {
  const variables = Object.entries(environment).map(([name, value]) =>
    `<qemu:env name='${name}' value='${value}'/>`
  );
  const images = `/var/lib/libvirt/images/${name}`;
  return `<domain type='${type}'
    xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>${name}</name>
  <memory unit='MiB'>64</memory>
  ${shared ? SHARED : ""}
  <vcpu>2</vcpu>
  <iothreads>1</iothreads>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <emulator>${emulator}</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='${images}-a.qcow2'/><target dev='vda' bus='virtio'/>
    </disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' iothread='1'/>
      <source file='${images}-b.img'/><target dev='vdb' bus='virtio'/>
      <boot order='1'/>
    </disk>
    <interface type='ethernet'>
      <target dev='tap-${name}'/><model type='virtio'/>
    </interface>
    <controller type='pci' index='0' model='pcie-root'/>
    ${"<controller type='pci' model='pcie-root-port'/>".repeat(PORTS)}
    <serial type='pty'><target port='0'/></serial>
    <console type='pty'><target type='serial' port='0'/></console>
    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
    <graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1'/>
    <video><model type='vga'/></video>
    <memballoon model='virtio'/>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
  </devices>
  <qemu:commandline>
    ${shared ? AUXILIARY : ""}
    ${variables.join("")}
  </qemu:commandline>
</domain>
`;
}
