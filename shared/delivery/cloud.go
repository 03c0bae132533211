package delivery

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pictor/pictor/shared/signing"
	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

// CloudPrefix is where the img-cloud dialect delivers: file 003, «Delivery URLs».
const CloudPrefix = "/v1/image/"

// DialectCloud names the dialect in signatures.
const DialectCloud = "imgcloud"

// CloudURL is the path of an asset, transformed when the transform text is not empty.
func CloudURL(publicID, transformText string) string {
	if transformText == "" {
		return CloudPrefix + publicID
	}
	return CloudPrefix + transformText + "/" + publicID
}

// SignCloud is CloudURL with ?expires=…&sig=… behind it: file 003, «Signed URLs».
func SignCloud(keys *signing.Keyring, publicID, transformText string, expires time.Time) string {
	fields := signing.Fields{Expires: expires.Unix(), Dialect: DialectCloud, Name: publicID,
		Scope: scope(transformText, nil)}
	return CloudURL(publicID, transformText) + "?expires=" + strconv.FormatInt(fields.Expires, 10) + "&sig=" +
		keys.Sign(fields)
}

// scope joins what a signature vouches for beside the name: the transform text as it stands in the URL, and the query
// parameters but expires and sig, sorted.
func scope(transformText string, params []string) string {
	if len(params) == 0 {
		return transformText
	}
	slices.Sort(params)
	return transformText + "?" + strings.Join(params, "&")
}

// parseCloud reads what follows CloudPrefix.
func parseCloud(path, query string) (Request, error) {
	text, id, err := splitTransform(path)
	if err != nil {
		return Request{}, err
	}
	if err := checkSegments(id); err != nil {
		return Request{}, invalid("invalid public id: " + err.Error())
	}
	req := Request{Name: wire.Name{Namespace: wire.NamespaceCloud, Name: id}}
	if req.wish, err = parseCloudWish(text); err != nil {
		return Request{}, err
	}
	req.Negotiable = negotiable(req.wish)
	return req, req.readQuery(text, query)
}

func parseCloudWish(text string) (wish, error) {
	if text == "" {
		return plain{}, nil
	}
	ps, err := splitParts(text)
	if err != nil {
		return nil, err
	}
	if !ps.has(presetKey) {
		spec, err := transform.Parse(text)
		return whole{spec}, err
	}
	others := ps.without(presetKey)
	if len(others) > 0 { // what is wrong whatever the preset says, is wrong without asking anybody
		if _, err := transform.Parse(others.String()); err != nil {
			return nil, err
		}
	}
	name := ps.get(presetKey)
	return named{name, others}, CheckPreset(name)
}

// negotiable: a preset may ask for it, and the preset may change; what the URL says itself wins.
func negotiable(w wish) bool {
	switch w := w.(type) {
	case whole:
		return w.Format == transform.FormatAuto
	case named:
		return !w.others.has("f") || w.others.get("f") == transform.FormatAuto.String()
	}
	return w.needsProfile()
}

// whole is a transform that is all in the URL.
type whole struct{ transform.Spec }

func (whole) needsProfile() bool { return false }

func (whole) chosen() bool { return false }

func (w whole) settle(_ bool, _ *wire.Profile, src transform.Source, accept transform.Accept) (transform.Spec, error) {
	spec := w.Spec.Settle(src, accept)
	_, err := spec.Layout(src)
	return spec, err
}

// named is a transform on top of a preset.
type named struct {
	preset string
	others parts
}

func (named) needsProfile() bool { return true }

func (w named) chosen() bool { return len(w.others) == 0 }

func (w named) settle(_ bool, profile *wire.Profile, src transform.Source, accept transform.Accept) (transform.Spec,
	error) {
	base, err := preset(profile, w.preset)
	if err != nil {
		return transform.Spec{}, err
	}
	text := w.others.over(base).String()
	if text == "" {
		return transform.Spec{}, nil
	}
	spec, err := transform.Parse(text)
	if err != nil {
		return transform.Spec{}, err
	}
	return whole{spec}.settle(false, nil, src, accept)
}

// splitTransform parts the transform from the id: the first segment is one exactly when more follows and all its
// comma parts begin with known keys. A segment with some known keys is a misspelt transform, for no id has a comma.
func splitTransform(path string) (text, id string, err error) {
	first, rest, more := strings.Cut(path, "/")
	if !more {
		return "", path, nil
	}
	all, some, unknown := true, false, ""
	for parts, left := first, true; left; {
		var part string
		part, parts, left = strings.Cut(parts, ",")
		name, known := keyOf(part)
		all, some = all && known, some || known
		if !known && unknown == "" {
			unknown = name
		}
	}
	if all {
		return first, rest, nil
	}
	if some {
		return "", "", &transform.Error{Key: unknown, Message: "unknown key"}
	}
	return "", path, nil
}

// keyOf is transform.KeyOf, and knows presets.
func keyOf(part string) (name string, known bool) {
	name, known = transform.KeyOf(part)
	return name, known || name == presetKey && strings.HasPrefix(part, presetKey+"_")
}

// readQuery takes v=, expires= and sig=. A signed URL has exactly one spelling: its signature stands last, with
// expires before it. Other parameters mean nothing, but a signature covers them.
func (r *Request) readQuery(text, query string) error {
	var others []string
	var expires string
	for rest, more := query, query != ""; more; {
		var param string
		param, rest, more = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(param, "=")
		switch name {
		case "expires":
			if expires != "" || value == "" {
				return errSignature
			}
			expires = value
		case "sig":
			if more || expires == "" || value == "" {
				return errSignature
			}
			r.Signature.Given, r.Signature.Text = true, value
		default:
			if expires != "" {
				return errSignature // between expires and sig nothing may stand
			}
			if name == "v" {
				r.Version = value
			}
			others = append(others, param)
		}
	}
	if (expires != "") != r.Signature.Given {
		return errSignature
	}
	if !r.Signature.Given {
		return nil
	}
	at, ok := plainSeconds(expires)
	if !ok {
		return errSignature
	}
	r.Signature.Fields = signing.Fields{Expires: at, Dialect: DialectCloud, Name: r.Name.Name, Scope: scope(text, others)}
	return nil
}

// ErrSignature marks a signature that cannot be one, however the keys are.
var ErrSignature = invalid("invalid signature")

var errSignature error = ErrSignature

// plainSeconds reads a Unix time in its one spelling.
func plainSeconds(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n > 0 && strconv.FormatInt(n, 10) == text
}
