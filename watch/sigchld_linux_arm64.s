#include "textflag.h"

// func childHandler() (handler, restorer uintptr)
TEXT ·childHandler(SB),NOSPLIT,$0-16
	MOVD	$putAside<>(SB), R0
	MOVD	R0, handler+0(FP)
	MOVD	$restore<>(SB), R0
	MOVD	R0, restorer+8(FP)
	RET

// putAside is a signal handler, on the signal stack of any thread: it sends WINCH
// to the loop's thread.
TEXT putAside<>(SB),NOSPLIT|NOFRAME,$0-0
	MOVW	·loopPID(SB), R0
	MOVW	·loopTID(SB), R1
	MOVD	$28, R2	// SIGWINCH
	MOVD	$131, R8	// tgkill
	SVC
	RET	// to restore

TEXT restore<>(SB),NOSPLIT|NOFRAME,$0-0
	MOVD	$139, R8	// rt_sigreturn
	SVC
	BRK
