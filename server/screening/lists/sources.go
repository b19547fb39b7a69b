package lists

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// A source is one file, unpacked when it is opened.
type source struct {
	name string
	open func() (io.Reader, func() error, error)
}

// sourcesAt finds the files at a path: the file itself, those in the folder, or those in the archive.
func sourcesAt(at string) ([]source, func(), error) {
	nothing := func() {}
	info, err := os.Stat(at)
	if err != nil {
		return nil, nothing, fmt.Errorf("find the list: %w", err)
	}
	if info.IsDir() {
		sources, err := sourcesIn(os.DirFS(at))
		return sources, nothing, err
	}
	if !info.Mode().IsRegular() {
		return nil, nothing, fmt.Errorf("find the list: %s is no file", at)
	}
	packed, err := isZip(at)
	if err != nil {
		return nil, nothing, err
	}
	if packed {
		return sourcesZipped(at)
	}
	open := func() (io.ReadCloser, error) { return os.Open(at) }
	return []source{{filepath.Base(at), unpacked(open)}}, nothing, nil
}

func isZip(at string) (bool, error) {
	f, err := os.Open(at)
	if err != nil {
		return false, fmt.Errorf("find the list: %w", err)
	}
	defer f.Close()
	var magic [4]byte
	_, err = io.ReadFull(f, magic[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, fmt.Errorf("find the list: %w", err)
	}
	return string(magic[:]) == "PK\x03\x04", nil
}

// sourcesZipped finds the files in a zip archive, wherever they lie in it.
func sourcesZipped(at string) ([]source, func(), error) {
	archive, err := zip.OpenReader(at)
	if err != nil {
		return nil, func() {}, fmt.Errorf("%s: the archive cannot be read: %w", filepath.Base(at), err)
	}
	var sources []source
	for _, f := range archive.File {
		name := path.Base(f.Name)
		if f.FileInfo().IsDir() || strings.HasPrefix(name, ".") || strings.HasPrefix(f.Name, "__MACOSX/") {
			continue
		}
		if f.UncompressedSize64 > maxFile {
			_ = archive.Close()
			return nil, func() {}, fmt.Errorf("%s: %s in it is larger than %d MB", filepath.Base(at), name, maxFile>>20)
		}
		sources = append(sources, source{name, unpacked(f.Open)})
	}
	return sources, func() { _ = archive.Close() }, nil
}

// sourcesIn finds the files at the top of a folder.
func sourcesIn(files fs.FS) ([]source, error) {
	found, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, fmt.Errorf("list the folder: %w", err)
	}
	var sources []source
	for _, f := range found {
		info, err := fs.Stat(files, f.Name()) // of what a link points at
		if err != nil {
			return nil, fmt.Errorf("list the folder: %w", err)
		}
		if strings.HasPrefix(f.Name(), ".") || !info.Mode().IsRegular() {
			continue
		}
		open := func() (io.ReadCloser, error) { return files.Open(f.Name()) }
		sources = append(sources, source{f.Name(), unpacked(open)})
	}
	return sources, nil
}

// unpacked opens a file, and unzips it if it is gzipped.
func unpacked(open func() (io.ReadCloser, error)) func() (io.Reader, func() error, error) {
	return func() (io.Reader, func() error, error) {
		f, err := open()
		if err != nil {
			return nil, nil, fmt.Errorf("open it: %w", err)
		}
		in := bufio.NewReaderSize(f, 32<<10)
		if magic, err := in.Peek(2); err != nil || !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
			return in, f.Close, nil
		}
		plain, err := gzip.NewReader(in)
		if err != nil {
			_ = f.Close()
			return nil, nil, fmt.Errorf("unzip it: %w", err)
		}
		return plain, f.Close, nil
	}
}
