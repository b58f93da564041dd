#include "textflag.h"

// func childHandler() (handler, restorer uintptr)
TEXT ·childHandler(SB),NOSPLIT,$0-16
	LEAQ	putAside<>(SB), AX
	MOVQ	AX, handler+0(FP)
	LEAQ	restore<>(SB), AX
	MOVQ	AX, restorer+8(FP)
	RET

// putAside is a signal handler, on the signal stack of any thread: it sends WINCH
// to the loop's thread.
TEXT putAside<>(SB),NOSPLIT|NOFRAME,$0-0
	MOVL	·loopPID(SB), DI
	MOVL	·loopTID(SB), SI
	MOVL	$28, DX	// SIGWINCH
	MOVL	$234, AX	// tgkill
	SYSCALL
	RET	// to restore

TEXT restore<>(SB),NOSPLIT|NOFRAME,$0-0
	MOVL	$15, AX	// rt_sigreturn
	SYSCALL
	INT	$3
