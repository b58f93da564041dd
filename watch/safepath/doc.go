// Package safepath opens, creates, renames and removes files by paths that were
// given: in an option, by a program, by another user. A path is walked by
// descriptors, one name after the other.
//
// A name is planted if a user other than root or the caller can have put it
// where it is. That is so where the folder belongs to another user, or another
// user can write to it; and below a planted folder. In a sticky folder, and in
// one that only the caller's own group can write to, a name is planted unless
// what it names belongs to root or to the caller. That is the rule of
// fs.protected_symlinks, for all folders.
//
//   - A planted link is not followed: ErrPlanted. A planted folder is entered, for
//     the files in it are at worst the other user's.
//   - A file is looked at before it is opened: by O_PATH, which has no effect on a
//     FIFO, a socket or a device. What is no regular file is a *KindError.
//   - To a planted file that has a second name (a hard link) nothing is appended,
//     as it may be any file.
//   - What is found is opened by its descriptor, so it can't be another file by
//     then.
//
// openat2(2) has no part in it: it can refuse all links or none, but does not
// tell the owners of the folders and links on its way.
//
// Links of procfs, as /dev/stdout leads to, are followed by the kernel.
package safepath
