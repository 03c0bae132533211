package delivery

import (
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/pictor/pictor/shared/signing"
	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

// SrcPrefix is where the img-src dialect delivers: file 004 and contracts, /i/{username}/{path}.
const SrcPrefix = "/i/"

// DialectSrc names the dialect in signatures.
const DialectSrc = "imgsrc"

// SrcURL is the URL path of a user's picture.
func SrcURL(username, path string) string { return SrcPrefix + username + "/" + path }

// SignSrc is SrcURL with the query, and with ?sig=…&exp=… that allow every transform of this path until they expire.
func SignSrc(keys *signing.Keyring, username, path, query string, expires time.Time) string {
	fields := srcFields(username, path, expires.Unix())
	if query != "" {
		query += "&"
	}
	return SrcURL(username, path) + "?" + query + "sig=" + keys.Sign(fields) + "&exp=" +
		strconv.FormatInt(fields.Expires, 10)
}

func srcFields(username, path string, expires int64) signing.Fields {
	return signing.Fields{Expires: expires, Dialect: DialectSrc, Name: username + "/" + path, Scope: signing.AnyTransform}
}

// CheckPath says what is wrong with the path of a user's picture: segments as in public ids.
func CheckPath(path string) error { return checkSegments(path) }

// SplitPath parts a path's extension, if it is that of a picture, from its stem.
func SplitPath(name string) (stem, extension string) {
	ext := path.Ext(name)
	stem = strings.TrimSuffix(name, ext)
	if !pictureExtension[strings.ToLower(ext)] || stem == "" || strings.HasSuffix(stem, "/") {
		return name, ""
	}
	return stem, strings.ToLower(ext[1:])
}

var pictureExtension = map[string]bool{".jpg": true, ".jpeg": true, ".png": true, ".webp": true, ".avif": true,
	".gif": true, ".bmp": true, ".tif": true, ".tiff": true, ".heic": true, ".heif": true, extensionJXL: true}

const extensionJXL = ".jxl"

// ErrJXL answers the wish for JPEG XL.
var ErrJXL = invalid("JPEG XL cannot be written here: ask for webp, avif, jpeg or png")

// parseSrc reads what follows SrcPrefix.
func parseSrc(rest, query string) (Request, error) {
	username, path, more := strings.Cut(rest, "/")
	if !more {
		return Request{}, errRoute
	}
	if checkSegments(username) != nil {
		return Request{}, invalid("invalid username")
	}
	if err := checkSegments(path); err != nil {
		return Request{}, invalid("invalid path: " + err.Error())
	}
	stem, ext := SplitPath(path)
	if "."+ext == extensionJXL {
		return Request{}, ErrJXL
	}
	wish, err := parseSrcQuery(query)
	if err != nil {
		return Request{}, err
	}
	wish.format, _ = transform.ParseFormat(ext)
	wish.unable = ext != "" && !wish.format.Written()
	req := Request{Name: wire.Name{Namespace: wire.PathSpace(username), Name: path},
		Stem:       wire.Name{Namespace: wire.StemSpace(username), Name: stem},
		Version:    wish.version,
		Negotiable: ext == "",
		wish:       wish.srcWish}
	return req, wish.prove(&req.Signature, username, path)
}

// prove settles sig= and exp=, which come together or not at all.
func (q srcQuery) prove(s *Signature, username, path string) error {
	if q.sig == "" && q.exp == "" {
		return nil
	}
	at, ok := plainSeconds(q.exp)
	if !ok || q.sig == "" {
		return errSignature
	}
	*s = Signature{Given: true, Text: q.sig, Fields: srcFields(username, path, at)}
	return nil
}
