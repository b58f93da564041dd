#include "textflag.h"

// func clone(args *cloneArgs, size uintptr, plan *plan) (pid uintptr)
//
// The child has the parent's stack, which goes on without it, so it uses none:
// what it needs stays in R12 (the plan) and R13 (the step), which the kernel
// leaves alone. The kernel's results are in AX, -4095 to -1 for an error.
TEXT ·clone(SB),NOSPLIT|NOFRAME,$0-32
	MOVQ	args+0(FP), DI
	MOVQ	size+8(FP), SI
	MOVQ	plan+16(FP), R12
	MOVL	$435, AX	// clone3
	SYSCALL
	TESTQ	AX, AX
	JEQ	child
	MOVQ	AX, pid+24(FP)
	RET
child:
	LEAQ	8(R12), R13	// plan.steps
next:
	MOVQ	0(R13), AX
	MOVQ	8(R13), DI
	MOVQ	16(R13), SI
	MOVQ	24(R13), DX
	MOVQ	32(R13), R10
	MOVQ	40(R13), R8
	SYSCALL
	CMPQ	AX, $0xfffffffffffff001
	JCC	failed
done:
	ADDQ	$56, R13
	JMP	next
failed:
	CMPQ	48(R13), $0	// step.optional
	JNE	done
	NEGQ	AX
	MOVL	AX, 0(R12)	// plan.errno
	SUBQ	R12, R13
	MOVL	R13, 4(R12)	// plan.at
	MOVL	$231, AX	// exit_group
	MOVL	$127, DI
	SYSCALL
	INT	$3
