package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	socketPort = "5432"
	socketName = ".s.PGSQL." + socketPort
	// A socket's address holds 108 bytes on Linux and 104 on macOS, with its final zero.
	longestSocketDir = 103 - len("/"+socketName)
	// pointerFile, in the caller's directory, names the home of a cluster that cannot live there.
	pointerFile = "pg.location"
	// ownerFile, in a home elsewhere, names the directory it belongs to.
	ownerFile = "belongs-to"
)

// elsewhere holds the clusters whose own directory the user that runs
// PostgreSQL cannot reach. A variable only so that tests leave the system alone.
var elsewhere = "/var/lib/anton"

// ownDirectory creates path if absent and returns it absolute, without symbolic
// links. A directory we make can be passed through by others, not listed: as
// root, PostgreSQL runs as somebody else and has to reach its part.
func ownDirectory(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find the current directory: %w", err)
	}
	if _, err := os.Stat(abs); errors.Is(err, fs.ErrNotExist) {
		if err := makeOpen(abs, 0o711); err != nil {
			return "", fmt.Errorf("create the data directory: %w", err)
		}
	}
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		return "", fmt.Errorf("the data directory %s cannot exist, because one of its parents is a file: choose another directory", abs)
	case err != nil:
		return "", fmt.Errorf("open the data directory: %w", err)
	case !info.IsDir():
		return "", fmt.Errorf("the data directory %s is a file: move it away or choose another directory", abs)
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return "", fmt.Errorf("open the data directory: %w", err)
	}
	return abs, nil
}

// makeOpen makes a directory with exactly this mode, whatever the umask is. One
// that exists keeps the mode it has.
func makeOpen(path string, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(path, mode); errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// locate says where the cluster of o.Dir is or will be, and as whom it runs. The
// caller has its turn.
func locate(o Options) (*cluster, error) {
	c := &cluster{Options: o, home: o.Dir}
	pointer, err := os.ReadFile(filepath.Join(c.Dir, pointerFile))
	switch {
	case err == nil:
		if c.home, err = followPointer(c.Dir, string(pointer)); err != nil {
			return nil, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read where the cluster is: %w", err)
	}
	if err := c.inspect(); err != nil {
		return nil, err
	}
	if err := c.chooseUser(); err != nil {
		return nil, err
	}
	return c, nil
}

// followPointer checks that the home which the pointer names belongs to dir: a
// moved directory takes its home along, a copy of a directory must not share it.
func followPointer(dir, pointer string) (string, error) {
	file := filepath.Join(dir, pointerFile)
	home := firstLine(pointer)
	if !filepath.IsAbs(home) {
		return "", fmt.Errorf("%s should hold the path of the database's directory: correct it, or delete it to begin with an empty database", file)
	}
	owner, err := os.ReadFile(filepath.Join(home, ownerFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s says that the database is in %s, where there is none: put it back, or delete %[1]s to begin with an empty database", file, home)
	}
	if err != nil {
		return "", fmt.Errorf("read whose database %s is: %w", home, err)
	}
	was := firstLine(string(owner))
	if was == dir {
		return home, nil
	}
	if other, err := os.ReadFile(filepath.Join(was, pointerFile)); err == nil && firstLine(string(other)) == home {
		return "", fmt.Errorf("%s is a copy of %s, and the database in %s stays with the original: delete %s to begin with an empty database here", dir, was, home, file)
	}
	if err := writeDurably(filepath.Join(home, ownerFile), dir+"\n"); err != nil {
		return "", fmt.Errorf("note that %s has moved to %s: %w", was, dir, err)
	}
	return home, nil
}

// Exists says whether the directory has the database of a private PostgreSQL, or says where it is.
func Exists(dir string) bool {
	for _, name := range []string{"pg", pointerFile} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSpace(line)
}

// settle decides the home of a new cluster: the caller's directory when the user
// that runs PostgreSQL can reach it, else a directory of its own under elsewhere.
func (c *cluster) settle() error {
	if c.home != c.Dir || c.reaches(c.Dir) {
		return nil
	}
	name := shortName(c.Dir)
	if err := makeOpen(elsewhere, 0o711); err != nil {
		return fmt.Errorf("%s is closed to the user that runs PostgreSQL, and no other place can be made: %w", c.Dir, err)
	}
	// A cluster that is there already has lost its directory. It is somebody's
	// data, so it stays, and the new directory gets an empty cluster beside it.
	for i := 1; ; i++ {
		home := filepath.Join(elsewhere, name)
		if i > 1 {
			home += "-" + strconv.Itoa(i)
		}
		if _, err := os.Lstat(filepath.Join(home, "pg")); err == nil {
			c.Log.Info("an older database of this directory is left where it is", "directory", home)
			continue
		}
		if err := makeOpen(home, 0o711); err != nil {
			return fmt.Errorf("create a place for the database: %w", err)
		}
		if !c.reaches(home) {
			return fmt.Errorf("neither %s nor %s can be reached by the user that runs PostgreSQL: choose a data directory whose parents are open to others (mode o+x), or set DATABASE_URL", c.Dir, home)
		}
		// The owner first: a pointer to a home without one is refused.
		if err := writeDurably(filepath.Join(home, ownerFile), c.Dir+"\n"); err != nil {
			return fmt.Errorf("note whose database %s is: %w", home, err)
		}
		if err := writeDurably(filepath.Join(c.Dir, pointerFile), home+"\n"); err != nil {
			return fmt.Errorf("note where the database is: %w", err)
		}
		c.Log.Info("the data directory is closed to the user that runs PostgreSQL, so the database lives elsewhere", "directory", home)
		c.home = home
		return nil
	}
}

// shortName names a directory for people to recognise, differently for every path.
func shortName(dir string) string {
	words := filepath.Base(filepath.Dir(dir)) + "-" + filepath.Base(dir)
	words = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return -1
	}, words)
	sum := sha256.Sum256([]byte(dir))
	return words[:min(len(words), 32)] + "-" + hex.EncodeToString(sum[:4])
}

// inspect reads what is in the cluster's place: nothing, or a whole cluster.
func (c *cluster) inspect() error {
	info, err := os.Stat(c.data())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the database's directory: %w", err)
	}
	entries, err := os.ReadDir(c.data())
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is a file, where the database's directory should be: move it away to begin with an empty database", c.data())
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s belongs to %s: run the server as that user or as root", c.data(), userName(ownerOf(info)))
	case err != nil:
		return fmt.Errorf("open the database's directory: %w", err)
	case len(entries) == 0:
		return nil
	}
	text, err := os.ReadFile(filepath.Join(c.data(), "PG_VERSION"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the database's version: %w", err)
	}
	major, convErr := strconv.Atoi(strings.TrimSpace(string(text)))
	if _, controlErr := os.Stat(filepath.Join(c.data(), "global", "pg_control")); err != nil || convErr != nil || errors.Is(controlErr, fs.ErrNotExist) {
		return fmt.Errorf("%s is not a complete PostgreSQL database: put back what is missing, or move it away to begin with an empty one", c.data())
	}
	c.major, c.owner = major, ownerOf(info)
	return nil
}

func ownerOf(info fs.FileInfo) syscall.Credential {
	st := info.Sys().(*syscall.Stat_t) // both systems we build for have it
	return syscall.Credential{Uid: st.Uid, Gid: st.Gid}
}

func userName(who syscall.Credential) string {
	if u, err := user.LookupId(strconv.FormatUint(uint64(who.Uid), 10)); err == nil {
		return "user " + u.Username
	}
	return fmt.Sprintf("uid %d", who.Uid)
}

// chooseUser decides who runs PostgreSQL, which refuses to run as root: for root
// the owner of an existing cluster, else the system's postgres, else nobody.
func (c *cluster) chooseUser() error {
	c.as = nil
	if os.Geteuid() != 0 {
		if c.major != 0 && int(c.owner.Uid) != os.Geteuid() {
			return fmt.Errorf("%s belongs to %s: run the server as that user or as root", c.data(), userName(c.owner))
		}
		return nil
	}
	if c.major != 0 && c.owner.Uid != 0 {
		owner := c.owner
		c.as = &owner
		return nil
	}
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseInt(u.Uid, 10, 64) // macOS calls nobody -2
		gid, err2 := strconv.ParseInt(u.Gid, 10, 64)
		if err1 == nil && err2 == nil && uid != 0 {
			c.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
			return nil
		}
	}
	return errors.New("PostgreSQL does not run as root and there is no user postgres or nobody: create one (useradd --system postgres), or set DATABASE_URL")
}

// reaches asks the kernel whether the user that runs PostgreSQL can enter dir.
func (c *cluster) reaches(dir string) bool {
	if c.as == nil {
		return true
	}
	cmd := exec.Command("/bin/sh", "-c", ":")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.as}
	return cmd.Run() == nil
}

// closedParent names the first directory on the way to dir that keeps the user
// who runs PostgreSQL out.
func (c *cluster) closedParent(dir string) string {
	if parent := filepath.Dir(dir); parent != dir && !c.reaches(parent) {
		return c.closedParent(parent)
	}
	return dir
}

// give hands a file or directory to the user that runs PostgreSQL.
func (c *cluster) give(path string) error {
	if c.as == nil {
		return nil
	}
	return os.Lchown(path, int(c.as.Uid), int(c.as.Gid))
}

// openSocketDir makes the directory of the socket, which nobody else may enter:
// it is what stands between other users and a superuser without a password.
func (c *cluster) openSocketDir() error {
	err := os.Mkdir(c.sockets, 0o700)
	if err == nil {
		return c.give(c.sockets)
	}
	if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create the socket's directory: %w", err)
	}
	// A short place may be under /tmp, where anybody could have made it first.
	info, err := os.Lstat(c.sockets)
	if err != nil {
		return fmt.Errorf("open the socket's directory: %w", err)
	}
	want := syscall.Credential{Uid: uint32(os.Geteuid())}
	if c.as != nil {
		want = *c.as
	}
	owner := ownerOf(info)
	ours := owner.Uid == want.Uid || (os.Geteuid() == 0 && owner.Uid == 0)
	if !info.IsDir() || !ours {
		return fmt.Errorf("%s is needed for PostgreSQL's socket and belongs to %s: remove it", c.sockets, userName(owner))
	}
	if err := os.Chmod(c.sockets, 0o700); err != nil {
		return fmt.Errorf("close the socket's directory to others: %w", err)
	}
	return c.give(c.sockets)
}

// socketDir is home/run, or a short directory named after home when the path is
// too long for a socket, or holds a comma, which separates hosts in a DSN.
func socketDir(home string) string {
	dir := filepath.Join(home, "run")
	if len(dir) <= longestSocketDir && !strings.Contains(dir, ",") {
		return dir
	}
	base := "/tmp"
	if own := os.Getenv("XDG_RUNTIME_DIR"); os.Geteuid() != 0 && filepath.IsAbs(own) && len(own) < 60 && !strings.Contains(own, ",") {
		base = own
	}
	sum := sha256.Sum256([]byte(home))
	return filepath.Join(base, "anton-"+hex.EncodeToString(sum[:8]))
}

// writeDurably replaces a small file as a whole: after a crash it holds the old
// text or the new one.
func writeDurably(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
