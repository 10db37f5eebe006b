# The guest: a program that notices when its machine is not what it was.
#
#   set up ─▶ ┌─▶ new tick? ── no ──▶ echo ──▶ busy? count : wait ──┐
#             │      │ yes                                          │
#             │      ▼                                              │
#             │   registers, RAM, shadow and auxiliary RAM agree?   │
#             │   count; check a part of the canaries;              │
#             │   have the engine digest the canary; print          │
#             └──────┴──────────────────────────────────────────────┘
#
# Ticks are handled one by one, so that the lines on the serial port,
# "tick 000120 counter 61440", have ticks without a gap or a repeat as long
# as the machine keeps its state.
#
# RV32IMA, machine mode only, no compressed instructions. `deno task assemble`
# makes image.ts of it.
#
# Registers, throughout:
#
#   s0     the status page
#   s1     ticks handled
#   s3:s2  the counter, 64 bits
#   sp     the stack
#
# Routines return in ra, and may change a and t registers only. The trap
# handler keeps all registers.

# Memory. status.ts has the same for observers.

        .equ    STATUS, 0x80004000      # status page, the words below
        .equ    SHADOW, 0x80005000      # the counters again, complemented
        .equ    RING, 0x80006000        # received characters
        .equ    STACK_TOP, 0x80008000
        .equ    CANARY, 0x80010000
        .equ    CANARY_SIZE, 0x8000
        .equ    CANARY_PARTS, 32        # one part is checked at each tick
        .equ    AUX_CANARY, 0x40000000  # in auxiliary RAM
        .equ    AUX_CANARY_SIZE, 0x800
        .equ    AUX_CANARY_PARTS, 16
        .equ    AUX_TICKS, 0x40000800   # one more copy of the ticks

# A canary's word is its address * MULTIPLIER ^ MASK.

        .equ    CANARY_MULTIPLIER, 0x9e3779b1
        .equ    CANARY_MASK, 0x5bd1e995

# Offsets in the status page.

        .equ    READY, 0x00             # READY_MAGIC once all is set up
        .equ    COUNTER, 0x08           # 64 bits, low word first
        .equ    COUNTER_HIGH, 0x0c
        .equ    TICKS, 0x10             # timer ticks handled
        .equ    TIMER_TICKS, 0x14       # timer interrupts taken
        .equ    ERROR, 0x18             # the first error, E_...; 0 is none
        .equ    ERROR_DETAIL, 0x1c      # an address, a value, or mcause
        .equ    DIGESTS, 0x20           # digests that were right
        .equ    ECHOED, 0x24            # characters sent back
        .equ    BUSY, 0x28              # not 0: count between ticks too
        .equ    PRINT_EVERY, 0x2c       # ticks from line to line
        .equ    DIGEST_RESULT, 0x30     # written by the engine
        .equ    DIGEST_EXPECTED, 0x34

        .equ    READY_MAGIC, 0x72656479

# Offsets in the shadow page.

        .equ    SHADOW_COUNTER, 0x0
        .equ    SHADOW_COUNTER_HIGH, 0x4
        .equ    SHADOW_TICKS, 0x8

# Offsets in the ring. Head and tail count characters put in and taken out;
# modulo the size they are indices.

        .equ    RING_HEAD, 0x0
        .equ    RING_TAIL, 0x4
        .equ    RING_DATA, 0x8
        .equ    RING_SIZE, 256

# Errors.

        .equ    E_CANARY, 1             # a word of the canary in RAM
        .equ    E_COUNTER, 2            # copies of the counter disagree
        .equ    E_TICKS, 3              # copies of the ticks disagree
        .equ    E_AUX_RAM, 4            # canary or ticks in auxiliary RAM
        .equ    E_DIGEST, 5             # the engine's digest is wrong
        .equ    E_DIGEST_ENGINE, 6      # the engine refused a request
        .equ    E_TRAP, 7               # a trap that nothing here can cause

# Devices.

        .equ    MTIMECMP, 0x02004000    # CLINT, two words each
        .equ    MTIME, 0x0200bff8       # at 10 MHz

        .equ    PLIC_PRIORITY, 0x0c000000
        .equ    PLIC_ENABLED, 0x0c002000
        .equ    PLIC_CLAIM, 0x0c200004
        .equ    UART_SOURCE, 1
        .equ    DIGEST_SOURCE, 2

        .equ    UART, 0x10000000        # 16550A
        .equ    UART_DATA, 0
        .equ    UART_IER, 1
        .equ    UART_FCR, 2
        .equ    UART_LCR, 3
        .equ    UART_LSR, 5
        .equ    IER_RECEIVED, 0x01
        .equ    FCR_TRIGGER_8, 0x81     # FIFO on, interrupt at 8 characters
        .equ    LCR_EIGHT_BITS, 0x03
        .equ    LSR_DATA_READY, 0x01
        .equ    LSR_TRANSMITTER_EMPTY, 0x20

        .equ    DIGEST, 0x10001000      # digest engine
        .equ    DIGEST_ADDRESS, 0x00
        .equ    DIGEST_LENGTH, 0x04
        .equ    DIGEST_RESULT_AT, 0x08
        .equ    DIGEST_SUBMIT, 0x0c
        .equ    DIGEST_STATUS, 0x10
        .equ    DIGEST_QUEUED, 0xff     # bits of its status
        .equ    DIGEST_INTERRUPT, 0x100
        .equ    DIGEST_ERROR, 0x200

        .equ    DIGEST_BASIS, 0x811c9dc5        # FNV-1a over words
        .equ    DIGEST_PRIME, 0x01000193

# Bits of mstatus and mie, and the causes of those interrupts.

        .equ    MSTATUS_MIE, 1 << 3
        .equ    MIE_TIMER, 1 << 7
        .equ    MIE_EXTERNAL, 1 << 11
        .equ    CAUSE_TIMER, 7
        .equ    CAUSE_EXTERNAL, 11

# Behaviour.

        .equ    TICK, 100000            # 10 ms of mtime
        .equ    BURST, 512              # increments at each tick
        .equ    DEFAULT_PRINT_EVERY, 10

# Records an error unless there was one before; changes \scratch.
.macro  report error, detail, scratch
        lw      \scratch, ERROR(s0)
        bnez    \scratch, .Lreported\@
        sw      \detail, ERROR_DETAIL(s0)
        li      \scratch, \error
        sw      \scratch, ERROR(s0)
.Lreported\@:
.endm

        .text
        .globl  _start
_start:
        j       main

# ----------------------------------------------------------------- interrupts

# The trap handler.
handler:
        addi    sp, sp, -32
        sw      t0, 0(sp)
        sw      t1, 4(sp)
        sw      t2, 8(sp)
        sw      t3, 12(sp)
        sw      t4, 16(sp)
        csrr    t0, mcause
        bgez    t0, unexpected          # an exception
        andi    t0, t0, 15
        li      t1, CAUSE_TIMER
        beq     t0, t1, timer
        li      t1, CAUSE_EXTERNAL
        beq     t0, t1, external

# Stops for good; only a reset ends this.
unexpected:
        csrr    t0, mcause
        report  E_TRAP, t0, t1
dead:
        csrw    mie, zero
        wfi
        j       dead

# Counts the tick; the next is one interval after this one, not after now.
timer:
        lw      t0, TIMER_TICKS(s0)
        addi    t0, t0, 1
        sw      t0, TIMER_TICKS(s0)
        li      t0, MTIMECMP
        li      t1, TICK
        lw      t2, 0(t0)
        add     t1, t1, t2
        sltu    t2, t1, t2              # carry
        lw      t3, 4(t0)
        add     t2, t2, t3
        sw      t1, 0(t0)
        sw      t2, 4(t0)
        j       handled

# Serves the sources that the PLIC has pending, until there are none.
external:
        li      t4, PLIC_CLAIM
claim:
        lw      t3, 0(t4)
        beqz    t3, handled
        li      t0, UART_SOURCE
        beq     t3, t0, receive
        li      t0, DIGEST_SOURCE
        beq     t3, t0, digested
complete:
        sw      t3, 0(t4)
        j       claim

# Moves characters from the UART to the ring, until one of them has no more.
# While the ring is full, the UART's interrupt is off; echo turns it on again.
receive:
        li      t0, UART
        lbu     t1, UART_LSR(t0)
        andi    t1, t1, LSR_DATA_READY
        beqz    t1, complete
        li      t2, RING
        lw      t1, RING_HEAD(t2)
        lw      t2, RING_TAIL(t2)
        sub     t2, t1, t2
        addi    t2, t2, -RING_SIZE
        beqz    t2, full
        lbu     t0, UART_DATA(t0)
        andi    t2, t1, RING_SIZE - 1
        addi    t1, t1, 1
        li      t3, RING
        sw      t1, RING_HEAD(t3)
        add     t2, t2, t3
        sb      t0, RING_DATA(t2)
        li      t3, UART_SOURCE         # complete needs it
        j       receive
full:
        sb      zero, UART_IER(t0)
        j       complete

# The engine must have read the canary that the hart wrote.
digested:
        li      t0, DIGEST
        lw      t1, DIGEST_STATUS(t0)
        li      t2, DIGEST_INTERRUPT | DIGEST_ERROR
        sw      t2, DIGEST_STATUS(t0)   # clears both
        andi    t1, t1, DIGEST_ERROR
        bnez    t1, refused
        lw      t0, DIGEST_RESULT(s0)
        lw      t1, DIGEST_EXPECTED(s0)
        bne     t0, t1, wrong_digest
        lw      t0, DIGESTS(s0)
        addi    t0, t0, 1
        sw      t0, DIGESTS(s0)
        j       digest_done
refused:
        report  E_DIGEST_ENGINE, zero, t1
        j       digest_done
wrong_digest:
        report  E_DIGEST, t0, t1
digest_done:
        j       complete

handled:
        lw      t0, 0(sp)
        lw      t1, 4(sp)
        lw      t2, 8(sp)
        lw      t3, 12(sp)
        lw      t4, 16(sp)
        addi    sp, sp, 32
        mret

# --------------------------------------------------------------------- console

# Writes the character in a0 to the serial port.
putc:
        li      t0, UART
1:      lbu     t1, UART_LSR(t0)
        andi    t1, t1, LSR_TRANSMITTER_EMPTY
        beqz    t1, 1b
        sb      a0, UART_DATA(t0)
        ret

# Frame of a routine that calls others, or needs s4 and s5.
.macro  enter
        addi    sp, sp, -16
        sw      ra, 0(sp)
        sw      s4, 4(sp)
        sw      s5, 8(sp)
.endm

.macro  leave
        lw      ra, 0(sp)
        lw      s4, 4(sp)
        lw      s5, 8(sp)
        addi    sp, sp, 16
        ret
.endm

# Writes the text at a0, up to its NUL.
puts:
        enter
        mv      s4, a0
1:      lbu     a0, 0(s4)
        beqz    a0, 2f
        jal     putc
        addi    s4, s4, 1
        j       1b
2:      leave

# One step of a division by t0 = 10: the dividend is t2:t1 in steps of 16
# bits, t3 the quotient, t2 the remainder.
.macro  divide_step
        slli    t2, t2, 16
        or      t1, t1, t2
        divu    t3, t1, t0
        remu    t2, t1, t0
.endm

# Divides \word, the remainder t2 of the words above it in front, by 10.
.macro  divide_word word
        srli    t1, \word, 16
        divide_step
        slli    t4, t3, 16
        slli    t1, \word, 16
        srli    t1, t1, 16
        divide_step
        or      \word, t4, t3
.endm

# Writes a1:a0 in decimal, with at least a2 digits. It divides by ten from the
# top, 16 bits at a time: a remainder with the next 16 bits fits a register.
decimal:
        enter
        addi    sp, sp, -32             # 64 bits have at most 20 digits
        addi    s4, sp, 32              # the digits so far: s4 up to s5
        mv      s5, s4
        li      t0, 10
1:      li      t2, 0
        divide_word a1
        divide_word a0
        addi    t2, t2, '0'
        addi    s4, s4, -1
        sb      t2, 0(s4)
        addi    a2, a2, -1
        or      t1, a0, a1
        bnez    t1, 1b
        slt     t1, t1, a2              # are digits still asked for?
        bnez    t1, 1b
2:      lbu     a0, 0(s4)
        jal     putc
        addi    s4, s4, 1
        bne     s4, s5, 2b
        addi    sp, sp, 32
        leave

# ------------------------------------------------------------- counter, ticks

# Checks that the counter is the same in registers, RAM and shadow; then
# increments it BURST times, in RAM too.
count:
        li      t0, SHADOW
        lw      t1, COUNTER(s0)
        bne     t1, s2, 1f
        lw      t1, SHADOW_COUNTER(t0)
        not     t1, t1
        bne     t1, s2, 1f
        lw      t1, COUNTER_HIGH(s0)
        bne     t1, s3, 1f
        lw      t1, SHADOW_COUNTER_HIGH(t0)
        not     t1, t1
        bne     t1, s3, 1f
        j       2f
1:      report  E_COUNTER, t1, t2
2:      li      t1, BURST
3:      addi    s2, s2, 1
        seqz    t2, s2                  # carry
        add     s3, s3, t2
        sw      s2, COUNTER(s0)
        sw      s3, COUNTER_HIGH(s0)
        addi    t1, t1, -1
        bnez    t1, 3b
        not     t1, s2
        sw      t1, SHADOW_COUNTER(t0)
        not     t1, s3
        sw      t1, SHADOW_COUNTER_HIGH(t0)
        ret

# Looks for a wrong word of a canary from a0 up to a1. Returns its address, or
# 0, in a0.
scan:
        mv      t0, a0
        li      a0, 0
        li      a2, CANARY_MULTIPLIER
        li      t3, CANARY_MASK
1:      mul     t2, t0, a2
        xor     t2, t2, t3
        lw      t1, 0(t0)
        bne     t1, t2, 2f
        addi    t0, t0, 4
        bne     t0, a1, 1b
        ret
2:      mv      a0, t0
        ret

# Checks that the ticks are the same in s1, RAM, shadow and auxiliary RAM; then
# increments them.
check_ticks:
        li      t0, SHADOW
        lw      t1, TICKS(s0)
        bne     t1, s1, 1f
        lw      t1, SHADOW_TICKS(t0)
        not     t1, t1
        beq     t1, s1, 2f
1:      report  E_TICKS, t1, t2
2:      li      t3, AUX_TICKS
        lw      t1, 0(t3)
        beq     t1, s1, 3f
        report  E_AUX_RAM, t1, t2
3:      addi    s1, s1, 1
        sw      s1, TICKS(s0)
        sw      s1, 0(t3)
        not     t1, s1
        sw      t1, SHADOW_TICKS(t0)
        ret

# ---------------------------------------------------------------------- output

# Sends back the characters in the ring.
echo:
        enter
        li      s4, RING
1:      lw      t0, RING_HEAD(s4)
        lw      t1, RING_TAIL(s4)
        beq     t0, t1, 2f
        andi    t2, t1, RING_SIZE - 1
        add     t2, t2, s4
        lbu     a0, RING_DATA(t2)
        addi    t1, t1, 1
        sw      t1, RING_TAIL(s4)
        jal     putc
        lw      t0, ECHOED(s0)
        addi    t0, t0, 1
        sw      t0, ECHOED(s0)
        j       1b
2:      li      t0, UART                # receive turned it off if it was full
        li      t1, IER_RECEIVED
        sb      t1, UART_IER(t0)
        leave

text_tick:
        .asciz  "tick "
        .balign 4, 0
text_counter:
        .asciz  " counter "
        .balign 4, 0
text_error:
        .asciz  " error "
        .balign 4, 0

# Prints "tick 000120 counter 61440", with " error N" if there is one.
line:
        enter
        la      a0, text_tick
        jal     puts
        mv      a0, s1
        li      a1, 0
        li      a2, 6
        jal     decimal
        la      a0, text_counter
        jal     puts
        mv      a0, s2
        mv      a1, s3
        li      a2, 1
        jal     decimal
        lw      t0, ERROR(s0)
        beqz    t0, 1f
        la      a0, text_error
        jal     puts
        lw      a0, ERROR(s0)
        li      a1, 0
        li      a2, 1
        jal     decimal
1:      li      a0, '\n'
        jal     putc
        leave

# ---------------------------------------------------------------------- set-up

# Fills a canary; its digest in a0.
.macro  fill_canary address, size
        li      a0, DIGEST_BASIS
        li      a1, DIGEST_PRIME
        li      t0, \address
        li      t1, \address + \size
.Lfill\@:
        li      t3, CANARY_MULTIPLIER
        mul     t2, t0, t3
        li      t3, CANARY_MASK
        xor     t2, t2, t3
        sw      t2, 0(t0)
        xor     a0, a0, t2
        mul     a0, a0, a1
        addi    t0, t0, 4
        bne     t0, t1, .Lfill\@
.endm

# After a reset memory is as before, so everything is set here.
main:
        li      sp, STACK_TOP
        li      s0, STATUS
        la      t0, handler
        csrw    mtvec, t0
        li      t0, 0
        sw      t0, BUSY(s0)
        li      t0, DEFAULT_PRINT_EVERY
        sw      t0, PRINT_EVERY(s0)

        sw      zero, COUNTER(s0)
        sw      zero, COUNTER_HIGH(s0)
        sw      zero, TICKS(s0)
        sw      zero, TIMER_TICKS(s0)
        sw      zero, ERROR(s0)
        sw      zero, ERROR_DETAIL(s0)
        sw      zero, DIGESTS(s0)
        sw      zero, ECHOED(s0)
        li      t0, RING
        sw      zero, RING_HEAD(t0)
        sw      zero, RING_TAIL(t0)
        li      t0, SHADOW
        li      t1, -1
        sw      t1, SHADOW_COUNTER(t0)
        sw      t1, SHADOW_COUNTER_HIGH(t0)
        sw      t1, SHADOW_TICKS(t0)
        li      t0, AUX_TICKS
        sw      zero, 0(t0)
        li      s1, 0
        li      s2, 0
        li      s3, 0

        fill_canary CANARY, CANARY_SIZE
        sw      a0, DIGEST_EXPECTED(s0)
        fill_canary AUX_CANARY, AUX_CANARY_SIZE

        li      t0, UART
        li      t1, LCR_EIGHT_BITS
        sb      t1, UART_LCR(t0)
        li      t1, FCR_TRIGGER_8
        sb      t1, UART_FCR(t0)
        li      t1, IER_RECEIVED
        sb      t1, UART_IER(t0)

        li      t0, PLIC_PRIORITY       # one word a source
        li      t1, 1
        sw      t1, 4 * UART_SOURCE(t0)
        sw      t1, 4 * DIGEST_SOURCE(t0)
        li      t0, PLIC_ENABLED        # one bit a source
        li      t1, 1 << UART_SOURCE | 1 << DIGEST_SOURCE
        sw      t1, 0(t0)

# The first tick is one interval from now.
        li      t0, MTIME
1:      lw      t2, 4(t0)
        lw      t1, 0(t0)
        lw      t3, 4(t0)
        bne     t2, t3, 1b              # the low word wrapped in between
        li      t3, TICK
        add     t3, t3, t1
        sltu    t1, t3, t1              # carry
        add     t2, t2, t1
        li      t0, MTIMECMP
        sw      t3, 0(t0)
        sw      t2, 4(t0)

        li      t0, MIE_TIMER | MIE_EXTERNAL
        csrw    mie, t0
        csrsi   mstatus, MSTATUS_MIE
        li      t0, READY_MAGIC
        sw      t0, READY(s0)

# ------------------------------------------------------------------- main loop

# With interrupts off, none can come between the checks and the wait; WFI still
# ends when one is pending.
loop:
        csrci   mstatus, MSTATUS_MIE
        lw      t0, TIMER_TICKS(s0)
        bne     t0, s1, tick
        lw      t0, BUSY(s0)
        bnez    t0, wake
        li      t0, RING
        lw      t1, RING_HEAD(t0)
        lw      t2, RING_TAIL(t0)
        bne     t1, t2, wake
        wfi
wake:
        csrsi   mstatus, MSTATUS_MIE
        jal     echo
        lw      t0, BUSY(s0)
        beqz    t0, loop
        jal     count
        j       loop

# Checks the part of a canary whose turn it is at this tick.
.macro  scan_part address, size, parts, error
        andi    t0, s1, \parts - 1
        li      t1, \size / \parts
        mul     t0, t0, t1
        li      a0, \address
        add     a0, a0, t0
        add     a1, a0, t1
        jal     scan
        beqz    a0, .Lright\@
        report  \error, a0, t0
.Lright\@:
.endm

tick:
        csrsi   mstatus, MSTATUS_MIE
        jal     check_ticks
        jal     count
        scan_part CANARY, CANARY_SIZE, CANARY_PARTS, E_CANARY
        scan_part AUX_CANARY, AUX_CANARY_SIZE, AUX_CANARY_PARTS, E_AUX_RAM

# Requests the canary's digest, unless the engine still has a request.
        li      t0, DIGEST
        lw      t1, DIGEST_STATUS(t0)
        andi    t1, t1, DIGEST_QUEUED
        bnez    t1, 1f
        li      t1, CANARY
        sw      t1, DIGEST_ADDRESS(t0)
        li      t1, CANARY_SIZE
        sw      t1, DIGEST_LENGTH(t0)
        addi    t1, s0, DIGEST_RESULT
        sw      t1, DIGEST_RESULT_AT(t0)
        sw      zero, DIGEST_SUBMIT(t0)

1:      lw      t0, PRINT_EVERY(s0)
        remu    t0, s1, t0
        bnez    t0, 2f
        jal     line
2:      jal     echo
        j       loop
