"""Every call of the published client img-src against a running Pictor, as an application would make it.

Usage: client.py ORIGIN_URL PICTURE, with the key in IMGSRC_API_KEY. Prints one line for each call that worked.
"""

import os
import sys
import time
import urllib.request

from img_src import Imgsrc, errors


def step(name):
    print("ok", name, flush=True)


def is_image(url):
    with urllib.request.urlopen(url) as answer:
        return answer.status == 200 and answer.headers["Content-Type"].startswith("image/") and len(answer.read()) > 0


def status_of(url):
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def eventually(holds, what):
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def settings(sdk):
    before = sdk.settings.get_settings().settings_response.settings
    assert before.username and before.default_quality == 80 and before.default_fit_mode == "cover", before
    step("get_settings")
    answer = sdk.settings.update_settings(request={
        "delivery_formats": ["webp", "jpeg"], "default_quality": 75, "default_max_width": 1000, "theme": "dark",
    }).settings_update_response
    assert answer.settings.default_max_width == 1000 and answer.settings.delivery_formats == ["webp", "jpeg"], answer
    answer = sdk.settings.update_settings(
        request={"default_quality": 80, "default_max_width": None}).settings_update_response
    assert answer.settings.default_max_width is None and answer.settings.default_quality == 80, answer
    step("update_settings")
    return before.username


def upload(sdk, picture):
    def send():
        with open(picture, "rb") as content:
            return sdk.images.upload_image(request={"file": {"file_name": "My photo.jpg", "content": content},
                                                    "target_path": "photos/2024"}).upload_response
    first, again = send(), send()
    assert len(first.id) == 16 and first.hash.startswith(first.id) and first.is_new and first.visibility == "public", first
    assert first.paths == ["photos/2024/My-photo.jpg"] and first.url.endswith("/photos/2024/My-photo.jpg"), first
    assert again.id == first.id and not again.is_new and again.paths == first.paths, again
    for url in (first.url, first.available_formats.webp, first.available_formats.avif, first.available_formats.png):
        assert is_image(url), url
    assert status_of(first.available_formats.jxl) == 400
    assert is_image(first.available_formats.webp + "?w=120&h=90&fit=cover&q=70")
    step("upload_image")
    return first


def look(sdk, image):
    page = sdk.images.list_images(limit=20).image_list_response
    assert page.total == 1 and page.images[0].id == image.id and not page.has_more, page
    assert [(f.name, f.image_count) for f in page.folders] == [("photos", 1)], page
    page = sdk.images.list_images(path="photos").image_list_response
    assert page.images[0].paths == image.paths and page.folders[0].name == "2024", page
    step("list_images")
    found = sdk.images.search_images(q="my photo").search_response
    assert found.total == 1 and found.results[0].id == image.id, found
    assert sdk.images.search_images(q="nothing like it").search_response.total == 0
    step("search_images")
    data = sdk.images.get_image(id=image.id).metadata_response
    assert data.metadata.hash == image.hash and data.metadata.width == image.dimensions.width, data
    assert data.metadata.mime_type == "image/jpeg" and data.urls.original == image.url, data
    step("get_image")


def presets(sdk, image):
    made = sdk.presets.create_preset(request={
        "name": "hero", "params": {"w": 64, "h": 48, "fit": "cover"}, "description": "for tests"}).preset
    assert made.name == "hero" and made.params["w"] == 64, made
    step("create_preset")
    eventually(lambda: status_of(image.available_formats.webp + "?p:hero") == 200, "the preset is not delivered")
    assert sdk.presets.list_presets().list_presets_response.total == 1
    step("list_presets")
    assert sdk.presets.get_preset(id=made.id).preset == made
    step("get_preset")
    changed = sdk.presets.update_preset(id=made.id, params={"w": 32}, description=None).preset
    assert changed.params == {"w": 32} and changed.description is None, changed
    step("update_preset")
    assert sdk.presets.delete_preset(name="hero").delete_preset_response.success
    eventually(lambda: status_of(image.available_formats.webp + "?p:hero") == 400, "the preset is still delivered")
    step("delete_preset")


def hide(sdk, image):
    assert sdk.images.update_visibility(id=image.id, visibility="private").update_visibility_response.visibility == "private"
    eventually(lambda: status_of(image.url) == 403, "the private image is delivered")
    step("update_visibility")
    signed = sdk.images.create_signed_url(id=image.id, expires_in_seconds=600).signed_url_response
    assert signed.expires_in_seconds == 600 and is_image(signed.signed_url), signed
    assert status_of(signed.signed_url + "&w=50") == 200
    signed = sdk.images.create_signed_url(id=image.id, transformation={"width": 80, "format_": "webp"}).signed_url_response
    assert ".webp?w=80&sig=" in signed.signed_url and is_image(signed.signed_url), signed
    step("create_signed_url")


def remove(sdk, username, image, picture):
    with open(picture, "rb") as content:
        sdk.images.upload_image(request={"file": {"file_name": "b.jpg", "content": content}, "target_path": "other"})
    left = sdk.images.delete_image_path(username=username, filepath="other/b.jpg").path_delete_response
    assert left.success and left.remaining_paths == image.paths and not left.image_deleted, left
    step("delete_image_path")
    gone = sdk.images.delete_image(id=image.id).delete_response
    assert gone.success and gone.deleted_paths == image.paths, gone
    try:
        sdk.images.get_image(id=image.id)
    except errors.ErrorResponse as error:
        assert error.data.error.code == "NOT_FOUND" and error.data.error.status == 404, error.data
    else:
        raise AssertionError("the image is still there")
    step("delete_image")


def usage(sdk):
    used = sdk.usage.get_usage().usage_response
    assert used.plan == "pro" and used.plan_status == "active" and used.current_period.uploads >= 2, used
    assert used.current_period.api_requests > 0 and used.total_images == 1, used
    step("get_usage")


def main(server, picture):
    with Imgsrc(bearer_auth=os.environ["IMGSRC_API_KEY"], server_url=server) as sdk:
        username = settings(sdk)
        image = upload(sdk, picture)
        look(sdk, image)
        usage(sdk)
        presets(sdk, image)
        hide(sdk, image)
        remove(sdk, username, image, picture)
    try:
        Imgsrc(bearer_auth="imgsrc_nobody", server_url=server).settings.get_settings()
    except errors.ErrorResponse as error:
        assert error.data.error.message == "Invalid or missing API key", error.data
    else:
        raise AssertionError("a key of nobody was accepted")
    step("all")


main(sys.argv[1], sys.argv[2])
