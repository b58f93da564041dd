#include "textflag.h"

// func clone(args *cloneArgs, size uintptr, plan *plan) (pid uintptr)
//
// As on amd64. R9 is the plan and R10 the step: the kernel leaves all registers
// alone but R0, in which its results are, -4095 to -1 for an error.
TEXT ·clone(SB),NOSPLIT|NOFRAME,$0-32
	MOVD	args+0(FP), R0
	MOVD	size+8(FP), R1
	MOVD	plan+16(FP), R9
	MOVD	$435, R8	// clone3
	SVC
	CBZ	R0, child
	MOVD	R0, pid+24(FP)
	RET
child:
	ADD	$8, R9, R10	// plan.steps
next:
	MOVD	0(R10), R8
	MOVD	8(R10), R0
	MOVD	16(R10), R1
	MOVD	24(R10), R2
	MOVD	32(R10), R3
	MOVD	40(R10), R4
	SVC
	CMN	$4095, R0
	BCS	failed
done:
	ADD	$56, R10
	B	next
failed:
	MOVD	48(R10), R11	// step.optional
	CBNZ	R11, done
	NEG	R0, R0
	MOVW	R0, 0(R9)	// plan.errno
	SUB	R9, R10, R10
	MOVW	R10, 4(R9)	// plan.at
	MOVD	$94, R8	// exit_group
	MOVD	$127, R0
	SVC
	BRK
